import type pg from "pg";
import { UserError } from "./userError.ts";

/** One thing that the database must have or must not have before the first migration. */
interface Fault {
    readonly object: string;
    readonly problem: string;
    readonly remedy: string;
}

/**
 * Runs the preconditions query: one row per fault, none when the database is ready.
 *
 * @param sql one read-only select of (object, problem, remedy)
 * @param stackRoles roles that the stack is about to make: they need not be there yet
 * @throws UserError that lists all faults
 */
export async function requirePreconditions(
    client: pg.Client,
    sql: string,
    stackRoles: readonly string[] = [],
): Promise<void> {
    const { rows: all } = await client.query<Fault>(sql);
    const rows = all.filter(({ object }) => !stackRoles.some(role => object === `role ${role}`));
    if (rows.length === 0) return;
    const lines = rows.map(({ object, problem, remedy }) => `  ${object}: ${problem}${remedy ? ` (${remedy})` : ""}`);
    throw new UserError(`this database is not ready for the first migration:\n${lines.join("\n")}`, [
        "mend what is listed, then run the same command again; nothing was changed",
    ]);
}
