import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { partLine } from "../../runner/migration/migration.ts";
import { resetsAll, resumption, timeoutSetBy } from "../../runner/migration/statementRules.ts";
import { type Statement, splitStatements } from "../../runner/migration/statements.ts";
import { UserError } from "../../runner/userError.ts";

/** A migration of the Supabase CLI that can run here. */
export interface SupabaseFile {
    /** `20250101000000_create_notes.sql` */
    readonly name: string;
    /** The CLI's: what `supabase_migrations.schema_migrations` has. */
    readonly version: string;
    /** What its name says after the version, as people wrote it. */
    readonly title: string;
    /** As it is written here: with \n, without a byte order mark, without what is the runner's to say: the `begin` and `commit` around all of it, and timeouts. */
    readonly text: string;
    /** Before these were taken out. */
    readonly original: string;
    readonly statements: readonly Statement[];
    /** False: all of it is of the kind that runs beside the traffic, each statement on its own. */
    readonly transactional: boolean;
}

export interface SupabaseFolder {
    /** In the order in which the CLI runs them. */
    readonly files: readonly SupabaseFile[];
    /** What a person should know of a file; one sentence each. */
    readonly notes: readonly string[];
    /** Paths of what is no migration. */
    readonly leftAlone: readonly string[];
}

/** As the CLI names them (supabase/cli, pkg/migration): it passes over every other file. */
const fileName = /^(\d+)_(.*)\.sql$/;

/**
 * Reads a `supabase/migrations` folder, or the `supabase` folder around it.
 *
 * @throws UserError that lists all that cannot be imported as it is
 */
export async function readSupabaseFolder(given: string): Promise<SupabaseFolder> {
    const folder = await migrationsFolder(given);
    const entries = (await readdir(folder, { withFileTypes: true })).sort((one, other) =>
        one.name < other.name ? -1 : 1,
    );
    const faults: string[] = [];
    const notes: string[] = [];
    const files: SupabaseFile[] = [];
    const leftAlone = await besideIt(folder);
    const named = new Map<string, string>();
    for (const entry of entries) {
        const [, version, title = ""] = fileName.exec(entry.name) ?? [];
        const path = join(folder, entry.name);
        if (version === undefined || !entry.isFile()) {
            leftAlone.push(path);
            continue;
        }
        const other = named.get(version);
        if (other !== undefined) {
            faults.push(
                `${folder} has the version ${version} twice, ${other} and ${entry.name}: the ledger of the Supabase CLI has room for one, so find out which of them ran`,
            );
        }
        named.set(version, entry.name);
        try {
            const read = await readOne(path, notes);
            if (read) files.push({ name: entry.name, version, title, ...read });
        } catch (error) {
            if (!(error instanceof UserError)) throw error;
            faults.push(error.message);
        }
    }
    if (faults.length > 0) {
        throw new UserError(`nothing is imported:\n${faults.map(fault => `  ${fault}`).join("\n")}`, [
            "mend these in a copy of the folder, and import the copy",
        ]);
    }
    if (files.length === 0) {
        throw new UserError(`${folder} holds no migration: the Supabase CLI calls them 20250101000000_name.sql.`);
    }
    return { files, notes, leftAlone };
}

async function migrationsFolder(given: string): Promise<string> {
    for (const folder of [join(given, "migrations"), join(given)]) {
        if (await readdir(folder).catch(() => undefined)) return folder;
    }
    throw new UserError(`there is no folder ${given} to import.`, [
        "name the one that the Supabase CLI keeps: --import ../other-project/supabase/migrations",
    ]);
}

/** Seeds, settings and functions: what stands beside `migrations` in a `supabase` folder. */
async function besideIt(folder: string): Promise<string[]> {
    if (basename(folder) !== "migrations") return [];
    const around = dirname(folder);
    const names = (await readdir(around)).filter(name => name !== "migrations" && !name.startsWith("."));
    return basename(around) === "supabase" ? names.sort().map(name => join(around, name)) : [];
}

type Read = Pick<SupabaseFile, "text" | "original" | "statements" | "transactional">;

/** @returns undefined for a file without a statement */
async function readOne(path: string, notes: string[]): Promise<Read | undefined> {
    const original = decoded(await readFile(path), path, notes);
    const statements = await parsed(original, path);
    if (statements.every(each => timeoutSetBy(each) !== undefined)) {
        notes.push(`${path} holds no statement: it did nothing, and is left out`);
        return undefined;
    }
    if (partLine.test(original)) {
        throw new UserError(
            `${path} holds a line "-- file: …": the runner's own mark, write that comment in another way`,
        );
    }
    const text = withoutTimeouts(withoutTransaction(original, path, statements, notes), path, statements, notes);
    const kept = text === original ? statements : await splitStatements(text, path);
    const transactional = !kept.every(each => isConcurrent(each) && resumption(each) !== undefined);
    const beside = kept.find(isConcurrent);
    if (transactional && beside) {
        throw new UserError(
            `${path}:${beside.line}: "concurrently" beside other statements: they need a transaction and it must have none, so give it a file of its own, its names with their schema`,
        );
    }
    return { text: text.endsWith("\n") ? text : `${text}\n`, original, statements: kept, transactional };
}

function decoded(bytes: Uint8Array, path: string, notes: string[]): string {
    let text: string;
    try {
        text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
        throw new UserError(`${path} is not UTF-8: save it with that encoding`);
    }
    if (text.startsWith("\uFEFF")) {
        notes.push(`${path} begins with a byte order mark, which is left out`);
        text = text.slice(1);
    }
    if (text.includes("\r\n")) {
        notes.push(
            `${path} has the line ends of Windows (CRLF), and is written with \\n: where they are inside of a function, the database may have them, and then it differs`,
        );
        text = text.replaceAll("\r\n", "\n");
    }
    return text;
}

async function parsed(text: string, path: string): Promise<Statement[]> {
    try {
        return await splitStatements(text, path);
    } catch (error) {
        const lines = text.split("\n");
        const at = lines.findIndex(line => /^\s*\\[a-z!?]/i.test(line));
        if (at < 0) throw error;
        throw new UserError(
            `${path}:${at + 1}: "${lines[at]?.trim()}" is a command of psql, which the Supabase CLI does not run either: take it out`,
        );
    }
}

const transactionWords: Readonly<Record<string, string>> = {
    TRANS_STMT_BEGIN: "begin",
    TRANS_STMT_START: "begin",
    TRANS_STMT_COMMIT: "commit",
    TRANS_STMT_ROLLBACK: "rollback",
};

/**
 * The runner has a transaction of its own around a file: a `begin` and `commit` around all of it come to the same, and
 * become comments.
 *
 * @throws UserError for any other one
 */
function withoutTransaction(text: string, path: string, statements: readonly Statement[], notes: string[]): string {
    const inside = statements.filter(({ kind }) => kind === "TransactionStmt");
    const [first, last = first] = inside;
    if (first === undefined || last === undefined) return text;
    const word = (statement: Statement) => transactionWords[String(statement.tree.kind)] ?? statement.text;
    const isAround =
        inside.length === 2 &&
        first === statements[0] &&
        last === statements.at(-1) &&
        word(first) === "begin" &&
        word(last) === "commit" &&
        statements.length > 2;
    if (!isAround) {
        const odd = inside.find(each => each !== statements[0]) ?? first;
        throw new UserError(
            `${path}:${odd.line}: "${word(odd)}" in the middle: here a file is one transaction, so part it into one file for each`,
        );
    }
    notes.push(`${path} has its own begin and commit: they are comments now, the transaction is the runner's`);
    // From the last one on, so that the lines before it stay where they are.
    return commentOut(commentOut(text, last), first);
}

/** As at the head of what pg_dump writes, and at the end of a dump of the CLI. They become comments: others would wait for what has no bound. */
function withoutTimeouts(text: string, path: string, statements: readonly Statement[], notes: string[]): string {
    const setting = statements.filter(each => timeoutSetBy(each) !== undefined);
    if (setting.length === 0) return text;
    const names = new Set(setting.filter(each => !resetsAll(each)).map(timeoutSetBy));
    if (names.size > 0)
        notes.push(`${path} sets ${[...names].join(" and ")}: in a comment now, the runner has its own`);
    for (const { text: statement, line } of setting.filter(resetsAll)) {
        notes.push(
            `${path}:${line}: "${statement}" would take the runner's timeouts off: in a comment now, so what the file sets holds to its end`,
        );
    }
    return setting.toReversed().reduce(commentOut, text);
}

function commentOut(text: string, { text: statement, line }: Statement): string {
    const lines = text.split("\n");
    const start = lines.slice(0, line - 1).reduce((length, before) => length + before.length + 1, 0);
    const at = text.indexOf(statement, start);
    const rest = text.slice(at + statement.length).replace(/^\s*;/, "");
    return `${text.slice(0, at)}/* ${statement}; */${rest}`;
}

function isConcurrent({ tree }: Statement): boolean {
    return tree.concurrent === true;
}
