import { readFile } from "node:fs/promises";
import pg from "pg";
import type { Look } from "../look/look.ts";

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

/** What only a shadow has, and how some statements are run there. */
export interface Platform {
    /** Entries of the catalog that are the shadow's own. */
    readonly isOwn: (key: string) => boolean;
    /** Whether the statement is run with the rights that Supabase's library gives for it. */
    readonly asPlatform?: (kind: string, tree: Record<string, unknown>) => boolean;
}

export function platformOf({ hasSupautils }: Look): Platform {
    if (!hasSupautils) return { isOwn: () => false };
    return {
        isOwn: key => key.includes("supautils_stand_in"),
        asPlatform: (kind, tree) =>
            forPlatform.includes(kind) || (kind === "DropStmt" && tree.removeType === "OBJECT_EXTENSION"),
    };
}

/**
 * Makes a plain PostgreSQL allow what Supabase's library supautils allows of policies on the tables of auth, storage and
 * realtime, by the embedded default's own stand-in.
 */
export async function allowPolicies(admin: pg.Client): Promise<void> {
    const { rows } = await admin.query<{ there: boolean }>(
        `select (select count(*) from pg_catalog.pg_namespace where nspname in ('auth', 'storage')) = 2
             and to_regrole('postgres') is not null as there`,
    );
    if (!rows[0]?.there) return;
    const file = new URL("../../local/baseline/09_supautils.sql", import.meta.url);
    await admin.query(await readFile(file, "utf8"));
}

/** The same for extensions, by statement. When the ledger's schema is there. */
export async function allowExtensions(admin: pg.Client, role: string): Promise<void> {
    const { rows } = await admin.query<{ user: string }>("select session_user as user");
    await admin.query(asPlatform(rows[0]?.user ?? "", role));
}
