import type pg from "pg";
import { UserError } from "../userError.ts";

/** insufficient_privilege: no grant, or no policy that lets the row pass. */
export const forbidden = "42501";

/** Somebody of the API or an application. */
export interface Person {
    readonly role: string;
    /** Id of a user. */
    readonly sub?: string;
}

/** As PostgREST does for a request: the role, and the claims of the token. */
export async function actAs(client: pg.Client, { role, sub }: Person): Promise<void> {
    await client.query("reset role");
    const claims = JSON.stringify({ role, ...(sub ? { sub } : {}) });
    await client.query("select set_config('request.jwt.claims', $1, true)", [claims]);
    await client.query(`set local role ${role}`);
}

/** @throws UserError when the statement works, or fails with another error than one of the codes */
export async function requireRefusal(
    client: pg.Client,
    sql: string,
    values: readonly unknown[] = [],
    codes: readonly string[] = [forbidden],
): Promise<void> {
    await client.query("savepoint attempt");
    const error = await client.query(sql, [...values]).then(
        () => undefined,
        (refused: pg.DatabaseError) => refused,
    );
    await client.query("rollback to savepoint attempt");
    if (error?.code !== undefined && codes.includes(error.code)) return;
    throw new UserError(`"${sql}" ${error ? `failed for another reason: ${error.message}` : "was not refused"}`);
}

/** @throws UserError when the statement sees or changes another number of rows */
export async function requireRows(
    client: pg.Client,
    expected: number,
    who: string,
    sql: string,
    values: readonly unknown[] = [],
): Promise<void> {
    const { rowCount } = await client.query(sql, [...values]);
    if (rowCount === expected) return;
    throw new UserError(`${who}: "${sql}" reached ${rowCount} rows instead of ${expected}`);
}

/** Does the work and takes it back, whatever comes of it. */
export async function rolledBack(client: pg.Client, work: () => Promise<void>): Promise<void> {
    await client.query("begin");
    try {
        await work();
    } finally {
        await client.query("rollback");
    }
}

/** Thrown by a check that could not be tried: neither good nor bad. */
export class Skipped extends Error {}
