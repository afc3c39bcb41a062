import type pg from "pg";
import { type Statement, splitStatements } from "../../runner/migration/statements.ts";

/** What the server says of an error, where it is one of the server's. */
export type ServerError = Error & Partial<Pick<pg.DatabaseError, "code" | "detail" | "routine" | "where">>;

/** What PL/pgSQL and SQL functions say of a statement of theirs that failed; of an assignment, what stands behind `:=`. */
const inside = /^(?:SQL (?:statement|expression) "|PL\/pgSQL assignment "[^=]*=)(.*?)"$/gms;

/**
 * The statements that were under way when it failed: the file's own, and those inside of it that its code had sent. What
 * cannot be parsed is left out.
 */
export async function underWay({ where = "" }: ServerError, statement: string): Promise<Statement[]> {
    const texts = [statement, ...[...where.matchAll(inside)].map(([, text = ""]) => text)];
    return (await Promise.all(texts.map(parsed))).flat();
}

/** A statement or an expression of PL/pgSQL; nothing when it is neither. */
export async function parsed(text: string): Promise<Statement[]> {
    return await splitStatements(text, "inner")
        .catch(() => splitStatements(`select ${text}`, "inner"))
        .catch(() => []);
}
