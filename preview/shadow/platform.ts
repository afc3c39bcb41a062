import { readFile } from "node:fs/promises";
import pg from "pg";
import { strings } from "../../runner/migration/tree.ts";
import type { Look } from "../look/look.ts";

/** What Supabase lets its `postgres` do with a superuser's rights (supautils: privileged_extensions, extension owner). */
const forPlatform = ["CreateExtensionStmt", "AlterExtensionStmt", "AlterExtensionContentsStmt"];

/** What it lets it do besides, in ways that are not copied here (supautils: privileged_role). */
const beyondShadow = [
    ...["CreateEventTrigStmt", "CreatePublicationStmt", "AlterPublicationStmt", "CreateFdwStmt"],
    ...["CreateRoleStmt", "AlterRoleStmt", "AlterRoleSetStmt", "VariableSetStmt"],
];

/** Tables of others whose triggers it may drop (supautils: drop_trigger_grants), the same as those for policies. */
const triggerTables = [
    ...["audit_log_entries", "identities", "refresh_tokens", "sessions", "users"].map(name => `auth.${name}`),
    "realtime.messages",
    ...["buckets", "migrations", "objects", "s3_multipart_uploads", "s3_multipart_uploads_parts"].map(
        name => `storage.${name}`,
    ),
];

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
    readonly asPlatform?: Judge;
    /** Whether the target may allow what the shadow refuses for want of rights. */
    readonly mayAllow?: Judge;
}

/** Judges a statement by its node of the parser. */
type Judge = (kind: string, tree: Record<string, unknown>) => boolean;

export function platformOf({ hasSupautils }: Look): Platform {
    if (!hasSupautils) return { isOwn: () => false };
    const asPlatform: Judge = (kind, tree) =>
        forPlatform.includes(kind) ||
        (kind === "DropStmt" && (tree.removeType === "OBJECT_EXTENSION" || dropsTrigger(tree)));
    return {
        isOwn: key => key.includes("supautils_stand_in"),
        asPlatform,
        // Also what is run with its rights above, where it stands in a DO block and is not.
        mayAllow: (kind, tree) => asPlatform(kind, tree) || (beyondShadow.includes(kind) && !isRefusedThere(tree)),
    };
}

/** Of a table that is given with its schema. */
function dropsTrigger({ removeType, objects }: Record<string, unknown>): boolean {
    const [object] = (objects ?? []) as { List?: { items?: unknown } }[];
    return (
        removeType === "OBJECT_TRIGGER" && triggerTables.includes(strings(object?.List?.items).slice(0, -1).join("."))
    );
}

/** Nobody is made a superuser there either, and `set role` is a setting only for the parser. */
function isRefusedThere({ options, name }: Record<string, unknown>): boolean {
    const all = Array.isArray(options) ? (options as { DefElem?: { defname?: string } }[]) : [];
    return (
        name === "role" || name === "session_authorization" || all.some(each => each.DefElem?.defname === "superuser")
    );
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
