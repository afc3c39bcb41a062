import type pg from "pg";
import { recordedByUp } from "./settings.ts";
import { UserError } from "../userError.ts";

/** Oldest server that the stack supports; Supabase projects run 15 or 17. */
const oldestMajor = 15;

/** Which database this is: `<system identifier>/<database name>`, for example `7423450123456789012/postgres`. */
export type DatabaseIdentity = string;

/**
 * Asks the server who it is. The system identifier is made by initdb, so a copy made by dump and restore differs
 * (PostgreSQL documentation, 9.28.11 "Control Data Functions"). A replica has that of its primary.
 *
 * @param how `toWrite`: the session is to change something there
 * @throws UserError when the server is older than PostgreSQL 15, or is a replica and to be written to
 */
export async function readIdentity(client: pg.Client, { toWrite = false } = {}): Promise<DatabaseIdentity> {
    const { rows } = await client.query<{ identity: string; major: number; isReplica: boolean }>(`
        select system_identifier || '/' || current_database() as identity,
               current_setting('server_version_num')::int / 10000 as major,
               pg_is_in_recovery() as "isReplica"
        from pg_control_system()`);
    const row = rows[0];
    if (!row) throw new Error("pg_control_system() returned no row");
    if (row.major < oldestMajor) {
        throw new UserError(`the server is PostgreSQL ${row.major}: version ${oldestMajor} or newer is needed.`);
    }
    if (toWrite && row.isReplica) {
        throw new UserError("this is a read replica: nothing can be written here.", [
            "connect to the primary: databaseHost (PGHOST), databasePort (PGPORT), at the pooler also databaseUser (PGUSER)",
            recordedByUp,
        ]);
    }
    return row.identity;
}

/** @throws UserError when the database is not the one that the stack was applied to */
export function requireSameDatabase(expected: DatabaseIdentity | undefined, actual: DatabaseIdentity): void {
    if (expected === undefined || expected === actual) return;
    throw new UserError(
        `this is another database than the one the stack was applied to: expected ${expected}, connected to ${actual}.`,
        [
            "check the connection settings of the stack, and the PG* variables of this shell",
            `if the project was moved or upgraded on purpose: set databaseIdentity to ${actual} in Pulumi.STACK.yaml`,
            recordedByUp,
        ],
    );
}
