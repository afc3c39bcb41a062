import type pg from "pg";
import type { Directives } from "../migration/directives.ts";
import { fresh, noticeGoneMs } from "./fresh.ts";
import type { Settings } from "./settings.ts";
import { connectionLost, SqlError } from "./sqlError.ts";
import { UserError } from "../userError.ts";

/** How long a transaction may wait for the runner, which never thinks that long: it was suspended. In milliseconds. */
const idleMs = 60_000;

/**
 * Runs the work in one transaction with the timeouts of the migration, or else of the stack. They are `set local`, so
 * nothing of them outlives the transaction; so is the isolation: what others commit while it waits for a lock is seen. It leaves the session as a session begins: with the role and the settings of
 * the login and without temporary tables, whatever the work left.
 *
 * @throws what the work throws, after rolling back
 */
export async function inTransaction<T>(
    client: pg.Client,
    { lockTimeoutMs, statementTimeoutMs }: Pick<Directives, "lockTimeoutMs" | "statementTimeoutMs">,
    settings: Settings,
    work: () => Promise<T>,
): Promise<T> {
    await client.query(
        `begin isolation level read committed; set local lock_timeout = ${lockTimeoutMs ?? settings.lockTimeoutMs};
         set local statement_timeout = ${statementTimeoutMs ?? settings.statementTimeoutMs};
         set local idle_in_transaction_session_timeout = ${idleMs};
         set local client_connection_check_interval = ${noticeGoneMs}`,
    );
    let result: T;
    try {
        result = await work();
    } catch (error) {
        // A connection that broke has rolled back already.
        await client.query("rollback").catch(() => {});
        throw error;
    }
    try {
        await client.query(`commit; ${fresh(settings)}`);
    } catch (error) {
        // With a SQLSTATE it is rolled back. When the connection broke, the answer was lost on the way.
        const { code, message } = error as { code?: string; message: string };
        if (!connectionLost(error)) throw new SqlError(`the transaction could not be committed: ${message}`, code, []);
        throw new UserError(`the connection broke while committing: ${message}`, [
            "run the same command again: the ledger knows whether the commit arrived",
        ]);
    }
    return result;
}
