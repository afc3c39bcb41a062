import type { Session } from "./connection.ts";

/** Waits for everyone else who works on a role or its members: the same locks that the official plugin takes. */
export async function lockRole(session: Session, role: string): Promise<void> {
    await session.query("set statement_timeout = 0");
    await session.query("select pg_advisory_xact_lock(oid::bigint) from pg_roles where rolname = $1", [role]);
    await session.query(
        `select pg_advisory_xact_lock(member::bigint)
         from pg_auth_members join pg_roles on roleid = pg_roles.oid where rolname = $1`,
        [role],
    );
}

/** Waits for everyone else who works on the privileges of a database. */
export async function lockDatabase(session: Session, database: string): Promise<void> {
    await session.query("set statement_timeout = 0");
    await session.query("select pg_advisory_xact_lock(oid::bigint) from pg_database where datname = $1", [database]);
}
