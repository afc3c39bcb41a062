import type pg from "pg";
import { UserError } from "./userError.ts";

/** One thing that the database must have or must not have before the first migration. */
interface Fault {
    readonly object: string;
    readonly problem: string;
    readonly remedy: string;
}

/** Begins the object of what stands in nobody's way. */
const warning = "warning: ";

/**
 * Runs the preconditions query: one row per fault, none when the database is ready.
 *
 * @param sql one read-only select of (object, problem, remedy)
 * @param stackRoles roles that the stack is about to make: they need not be there yet
 * @returns what stands in nobody's way and is worth knowing before the first migration, one line each
 * @throws UserError that lists all faults
 */
export async function requirePreconditions(
    client: pg.Client,
    sql: string,
    stackRoles: readonly string[] = [],
): Promise<string[]> {
    const { rows: all } = await client.query<Fault>(sql);
    const rows = all.filter(({ object }) => !stackRoles.some(role => object === `role ${role}`));
    const isWarning = ({ object }: Fault) => object.startsWith(warning);
    const faults = rows.filter(row => !isWarning(row)).map(lineOf);
    if (faults.length === 0) return rows.filter(isWarning).map(row => lineOf(row).slice(warning.length));
    throw new UserError(
        `this database is not ready for the first migration:\n${faults.map(line => `  ${line}`).join("\n")}`,
        ["mend what is listed, then run the same command again; nothing was changed"],
    );
}

function lineOf({ object, problem, remedy }: Fault): string {
    return `${object}: ${problem}${remedy ? ` (${remedy})` : ""}`;
}
