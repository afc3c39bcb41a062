import { setFlagsFromString } from "node:v8";
import { UserError } from "../userError.ts";
import { withoutLeadingComments } from "./statementTexts.ts";

/** One statement of a file, as PostgreSQL's own parser cuts it. */
export interface Statement {
    readonly text: string;
    /** Line of its first character, counted from 1. */
    readonly line: number;
    /** Node name of the parse tree, for example `IndexStmt`. */
    readonly kind: string;
    /** The parse tree below that name. */
    readonly tree: Record<string, unknown>;
}

/**
 * Cuts a file into statements with PostgreSQL's own parser (libpg_query), so quoted semicolons, dollar quotes and
 * `begin atomic` bodies are safe. The parser is loaded on first use: the common path of the runner never needs it.
 *
 * @throws UserError for a syntax error, with file, line and the parser's words
 */
export async function splitStatements(sql: string, file: string): Promise<Statement[]> {
    // The parser takes an empty text for an error.
    if (sql.trim() === "") return [];
    const { parse } = await loadParser();
    const bytes = Buffer.from(sql);
    let tree: ParseTree;
    try {
        tree = (await parse(sql)) as unknown as ParseTree;
    } catch (error) {
        const details = (error as { sqlDetails?: { message: string; cursorPosition?: number } }).sqlDetails;
        const line = details?.cursorPosition === undefined ? 1 : lineAt(sql, details.cursorPosition);
        throw new UserError(`${file}:${line}: ${details?.message ?? (error as Error).message}`);
    }
    // From statement to statement, so that a long text is gone through once.
    let at = 0;
    let line = 1;
    return (tree.stmts ?? []).map(({ stmt, stmt_location: start = 0, stmt_len: length }) => {
        line += newlines(bytes.subarray(at, start));
        at = start;
        const raw = bytes.subarray(start, length ? start + length : bytes.length).toString();
        const [kind = "", node = {}] = Object.entries(stmt)[0] ?? [];
        const text = withoutLeadingComments(raw);
        const before = raw.slice(0, raw.length - text.length);
        return { text: text.trimEnd(), line: line + before.split("\n").length - 1, kind, tree: node };
    });
}

function newlines(bytes: Buffer): number {
    let count = 0;
    for (let at = bytes.indexOf("\n"); at >= 0; at = bytes.indexOf("\n", at + 1)) count += 1;
    return count;
}

/**
 * The line, counted from 1, of an offset as PostgreSQL counts it: in characters, of which some are two units of a
 * JavaScript string.
 */
export function lineAt(sql: string, offset: number): number {
    return Array.from(sql)
        .slice(0, offset)
        .reduce((line, character) => (character === "\n" ? line + 1 : line), 1);
}

interface ParseTree {
    stmts?: { stmt: Record<string, Record<string, unknown>>; stmt_location?: number; stmt_len?: number }[];
}

/** PostgreSQL's own parser and scanner. */
export async function loadParser() {
    // V8 would compile the parser a second time, optimised: 0.6 s of processor time, for which the process waits at its
    // end, to parse some kilobytes of SQL faster that take milliseconds anyway.
    setFlagsFromString("--no-wasm-tier-up");
    setFlagsFromString("--no-wasm-dynamic-tiering");
    return await import("libpg-query");
}
