import { readFile } from "node:fs/promises";
import pg from "pg";

/** What Supabase lets its `postgres` do with a superuser's rights (supautils: privileged_extensions, extension owner). */
const forPlatform = ["CreateExtensionStmt", "AlterExtensionStmt", "AlterExtensionContentsStmt"];

/** A superuser's function, callable by the one role: the statement runs in the migration's own transaction. */
const asPlatform = (adminUser: string, role: string) => `
    create or replace function simulation_db.as_platform(statement text) returns void
        language plpgsql security definer
        as $$ begin execute statement; end $$;
    alter function simulation_db.as_platform(text) owner to ${pg.escapeIdentifier(adminUser)};
    revoke all on function simulation_db.as_platform(text) from public;
    grant usage on schema simulation_db to ${pg.escapeIdentifier(role)};
    grant execute on function simulation_db.as_platform(text) to ${pg.escapeIdentifier(role)};`;

/**
 * Makes a plain PostgreSQL allow what Supabase's library supautils allows: policies on the tables of auth, storage and
 * realtime, by the embedded default's own stand-in; and extensions, by statement.
 */
export async function allowWhatSupautilsAllows(admin: pg.Client) {
    const { rows } = await admin.query<{ user: string; there: boolean }>(
        `select session_user as user, (select count(*) from pg_catalog.pg_namespace where nspname in ('auth', 'storage')) = 2
             and to_regrole('postgres') is not null as there`,
    );
    const { user = "", there = false } = rows[0] ?? {};
    if (there) {
        const file = new URL("../../local/baseline/09_supautils.sql", import.meta.url);
        await admin.query(await readFile(file, "utf8"));
    }
    return {
        isOwn: (key: string) => key.includes("supautils_stand_in"),
        asPlatform: (kind: string, tree: Record<string, unknown>) =>
            forPlatform.includes(kind) || (kind === "DropStmt" && tree.removeType === "OBJECT_EXTENSION"),
        /** When the ledger's schema is there. */
        finish: async (role: string) => {
            await admin.query(asPlatform(user, role));
        },
    };
}
