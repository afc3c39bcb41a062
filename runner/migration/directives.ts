import { UserError } from "../userError.ts";
import { fileName, type Migration } from "./migration.ts";
import { splitStatements } from "./statements.ts";

/** How long one statement may take; undefined: as long as the stack says. */
export interface Timeouts {
    /** To wait for a lock, in milliseconds. */
    readonly lockTimeoutMs?: number;
    /** To run, in milliseconds. */
    readonly statementTimeoutMs?: number;
}

/** What the head of up.sql may ask for. Comment lines of the form `-- name: value` before the first statement. */
export interface Directives extends Timeouts {
    /** False runs each statement on its own: for `create index concurrently` and the like. */
    readonly transactional: boolean;
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

/** What the head of down.sql may declare; all but a timeout may be said several times. */
export interface DownDirectives extends Timeouts {
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
    const known = ["transaction", ...timeouts, "irreversible", ...allows, "imported"];
    const found = onceEach(headDirectives(sql, file, known));

    const transaction = found.get("transaction");
    if (transaction !== undefined && transaction !== "none") {
        throw new UserError(`${file}: "transaction: ${transaction}" is not known; the only value is "none".`);
    }
    const irreversible = found.get("irreversible");
    const imported = found.get("imported");
    const allowed = allowedKinds.flatMap(kind => {
        const reason = found.get(`allow-${kind}`);
        return reason ? [[kind, reason] as const] : [];
    });
    return {
        transactional: transaction === undefined,
        ...timeoutsOf(found, file),
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
    const found = headDirectives(sql, file, [...timeouts, "not-restored", "not-archived", "archive-rows"]);
    const values = (wanted: string) => found.filter(({ name }) => name === wanted).map(({ value }) => value);
    const rows = found.filter(({ name }) => name === "archive-rows");
    return {
        ...timeoutsOf(onceEach(found.filter(({ name }) => timeouts.includes(name))), file),
        notRestored: values("not-restored"),
        notArchived: values("not-archived"),
        archiveRows: rows.map(({ value, where }) => {
            const [, table, condition] = /^([a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*) where (.+)$/.exec(value) ?? [];
            if (table && condition) return { table, where: condition };
            throw new UserError(`${where}: "archive-rows: ${value}" is not of the form: schema.table where condition`);
        }),
    };
}

/** What holds on the way back: the directives of up.sql, which cannot be changed any more, with the timeouts of down.sql. */
export function readWayBack(migration: Migration): Directives {
    const { lockTimeoutMs, statementTimeoutMs } = readDownDirectives(migration.down, fileName(migration, "down"));
    return {
        ...readDirectives(migration.up, fileName(migration, "up")),
        ...(lockTimeoutMs === undefined ? {} : { lockTimeoutMs }),
        ...(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }),
    };
}

/** The author's reason why a migration cannot be rolled back, where its down has nothing to run; undefined: down is run. */
export async function readNoWayBack(migration: Migration): Promise<string | undefined> {
    const { irreversible } = readWayBack(migration);
    if (irreversible === undefined) return undefined;
    const statements = await splitStatements(migration.down, fileName(migration, "down"));
    return statements.length === 0 ? irreversible : undefined;
}

/** One directive, and where it stands. */
interface Found {
    readonly name: string;
    readonly value: string;
    readonly where: string;
}

function onceEach(directives: readonly Found[]): Map<string, string> {
    const found = new Map<string, string>();
    for (const { name, value, where } of directives) {
        if (found.has(name)) throw new UserError(`${where}: the directive "${name}" stands here twice.`);
        found.set(name, value);
    }
    return found;
}

/**
 * The comment lines of the form `-- name: value` before the first statement. What would be passed over in silence is an
 * error: a known name with another case, or below the head. Below `imported` stands somebody else's text.
 */
function headDirectives(sql: string, file: string, known: readonly string[]): Found[] {
    const directives: Found[] = [];
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

const timeouts = ["lock-timeout", "statement-timeout"];

function timeoutsOf(found: ReadonlyMap<string, string>, file: string): Timeouts {
    const [lock, statement] = timeouts.map(name => {
        const value = found.get(name);
        return value === undefined ? undefined : duration(value, name, file);
    });
    return {
        ...(lock === undefined ? {} : { lockTimeoutMs: lock }),
        ...(statement === undefined ? {} : { statementTimeoutMs: statement }),
    };
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
