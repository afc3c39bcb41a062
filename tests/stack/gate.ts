import type pg from "pg";
import { type SqlFiles, migrationFiles } from "./smallPlan.ts";

/** Key of an advisory lock; whoever holds it keeps the gate closed. */
const key = 1_409;

/** A migration that goes on once the gate is open: on a shadow, which is another server, it always is. */
export function gatedMigration(version: string, name: string): SqlFiles {
    const table = `public.${name}`;
    return migrationFiles(`${version}_${name}`, {
        up: `-- Waits at the gate.
create table ${table} ();
alter table ${table} enable row level security;
do $$ begin while not pg_try_advisory_xact_lock_shared(${key}) loop perform pg_sleep(0.05); end loop; end $$;
`,
        down: `drop table ${table};\n`,
        verify: `select from ${table} limit 0;\n`,
    });
}

/** Has a row while a migration waits at the gate. */
export const atGate =
    "select from pg_stat_activity where state = 'active' and query like '%pg_try_advisory_xact_lock_shared%' and pid <> pg_backend_pid()";

export async function closeGate(admin: pg.Client): Promise<void> {
    await admin.query("select pg_advisory_lock($1)", [key]);
}

/** Opens it, also where it is open. */
export async function openGate(admin: pg.Client): Promise<void> {
    await admin.query("select pg_advisory_unlock_all()");
}
