import { UserError } from "../userError.ts";

/** What the head of up.sql may ask for. Comment lines of the form `-- name: value` before the first statement. */
export interface Directives {
    /** False runs each statement on its own: for `create index concurrently` and the like. */
    readonly transactional: boolean;
    /** How long one statement may wait for a lock, in milliseconds; undefined: the stack's setting. */
    readonly lockTimeoutMs?: number;
    /** How long one statement may run, in milliseconds; undefined: the stack's setting. */
    readonly statementTimeoutMs?: number;
    /** Why down cannot bring back what was there. */
    readonly irreversible?: string;
    /** The Supabase CLI's file that follows as it ran: neither its comments nor its style are this project's. */
    readonly imported?: string;
    /** Why what the preview finds is wanted; a kind of finding that is not here stops the run. */
    readonly allowed?: Readonly<Partial<Record<AllowedKind, string>>>;
}

/** The kinds of findings that a migration can allow itself, each with a reason: `-- allow-destructive: reason` */
export const allowedKinds = ["destructive", "blocking", "insecure"] as const;
export type AllowedKind = (typeof allowedKinds)[number];

/** What the head of down.sql may declare; each may be said several times. */
export interface DownDirectives {
    /** What down cannot restore, as the proof of undo names it, for example `column order of public.runs`. */
    readonly notRestored: readonly string[];
    /** Tables whose rows need not be kept, because something else writes them again. */
    readonly notArchived: readonly string[];
    /** Rows that could not be there before up: they are archived and taken out before down runs. */
    readonly archiveRows: readonly { readonly table: string; readonly where: string }[];
}

/**
 * Reads the directives of an up.sql.
 *
 * @param file named in errors
 * @throws UserError for an unknown directive, a repeated one, or a value that it cannot take
 */
export function readDirectives(sql: string, file: string): Directives {
    const allows = allowedKinds.map(kind => `allow-${kind}`);
    const known = ["transaction", "lock-timeout", "statement-timeout", "irreversible", ...allows, "imported"];
    const found = new Map<string, string>();
    for (const { name, value, where } of headDirectives(sql, file, known)) {
        if (found.has(name)) throw new UserError(`${where}: the directive "${name}" stands here twice.`);
        found.set(name, value);
    }

    const transaction = found.get("transaction");
    if (transaction !== undefined && transaction !== "none") {
        throw new UserError(`${file}: "transaction: ${transaction}" is not known; the only value is "none".`);
    }
    const lockTimeout = found.get("lock-timeout");
    const statementTimeout = found.get("statement-timeout");
    const irreversible = found.get("irreversible");
    const imported = found.get("imported");
    const allowed = allowedKinds.flatMap(kind => {
        const reason = found.get(`allow-${kind}`);
        return reason ? [[kind, reason] as const] : [];
    });
    return {
        transactional: transaction === undefined,
        ...(lockTimeout ? { lockTimeoutMs: duration(lockTimeout, "lock-timeout", file) } : {}),
        ...(statementTimeout ? { statementTimeoutMs: duration(statementTimeout, "statement-timeout", file) } : {}),
        ...(irreversible ? { irreversible } : {}),
        ...(imported ? { imported } : {}),
        ...(allowed.length > 0 ? { allowed: Object.fromEntries(allowed) } : {}),
    };
}

/**
 * Reads the directives of a down.sql.
 *
 * @param file named in errors
 * @throws UserError for an unknown directive or a value that it cannot take
 */
export function readDownDirectives(sql: string, file: string): DownDirectives {
    const found = headDirectives(sql, file, ["not-restored", "not-archived", "archive-rows"]);
    const values = (wanted: string) => found.filter(({ name }) => name === wanted).map(({ value }) => value);
    const rows = found.filter(({ name }) => name === "archive-rows");
    return {
        notRestored: values("not-restored"),
        notArchived: values("not-archived"),
        archiveRows: rows.map(({ value, where }) => {
            const [, table, condition] = /^([a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*) where (.+)$/.exec(value) ?? [];
            if (table && condition) return { table, where: condition };
            throw new UserError(`${where}: "archive-rows: ${value}" is not of the form: schema.table where condition`);
        }),
    };
}

/**
 * The comment lines of the form `-- name: value` before the first statement. What would be passed over in silence is an
 * error: a known name with another case, or below the head. Below `imported` stands somebody else's text.
 */
function headDirectives(sql: string, file: string, known: readonly string[]) {
    const directives: { name: string; value: string; where: string }[] = [];
    let inHead = true;
    for (const [index, line] of sql.split("\n").entries()) {
        inHead &&= /^\s*(--|$)/.test(line);
        const [, name, value = ""] = /^\s*--\s*([a-z][a-z-]*):\s*(.*)$/i.exec(line) ?? [];
        if (name === undefined) continue;
        const where = `${file}:${index + 1}`;
        const isKnown = known.includes(name.toLowerCase());
        if (!inHead) {
            if (!isKnown) continue;
            throw new UserError(`${where}: the directive "${name}" belongs to the head of the file.`);
        }
        if (name !== name.toLowerCase()) {
            if (!isKnown) continue;
            throw new UserError(`${where}: the directive "${name}" is written in small letters.`);
        }
        if (!isKnown) {
            throw new UserError(`${where}: unknown directive "${name}". Known are: ${known.join(", ")}.`, [
                "write a comment that is no directive without the colon after its first word",
            ]);
        }
        if (!value.trim()) throw new UserError(`${where}: the directive "${name}" has no value.`);
        directives.push({ name, value: value.trim(), where });
        if (name === "imported") break;
    }
    return directives;
}

/** The greatest value of PostgreSQL's timeouts, in milliseconds. */
const longestMs = 2 ** 31 - 1;

function duration(text: string, name: string, file: string): number {
    const match = /^(\d+)\s*(ms|s|min)$/.exec(text);
    const factor = { ms: 1, s: 1000, min: 60_000 }[match?.[2] ?? ""];
    if (!match || factor === undefined || Number(match[1]) === 0) {
        throw new UserError(`${file}: "${name}: ${text}" is not a duration; write for example 300ms, 2s or 5min.`);
    }
    const milliseconds = Number(match[1]) * factor;
    if (milliseconds > longestMs)
        throw new UserError(`${file}: "${name}: ${text}" is longer than PostgreSQL can wait.`);
    return milliseconds;
}
