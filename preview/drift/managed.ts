import { schemaOf } from "../changes/aspect.ts";
import type { ChangedAspect, Comparison } from "../changes/comparison.ts";
import { isDeclared } from "./declared.ts";

/** Whose hand a change is from: Supabase upgrades its own services by itself. */
export type Hand = "person" | "supabase" | "stack";

/** Schemas that belong to services of Supabase (its documentation, "Managed schemas"), and to its extensions. */
const managedSchemas = [
    ...["auth", "storage", "realtime", "_realtime", "vault", "extensions", "graphql", "graphql_public", "pgbouncer"],
    ...["supabase_functions", "supabase_migrations", "net", "cron", "pgsodium", "pgsodium_masks", "pgtle", "pgmq"],
    ...["_analytics", "_supavisor"],
];

const managedRoles =
    /^(supabase_\w+|authenticator|anon|authenticated|service_role|dashboard_user|pgbouncer|pgsodium_\w+|pgtle_admin|cli_login_\w+)$/;

/**
 * Whose hand a difference is from. In a managed schema a person makes policies, triggers that call functions from
 * elsewhere, and grants on what was there before; whatever else changes there, an upgrade changes.
 */
export function handOf(aspect: ChangedAspect, comparison: Comparison): Hand {
    const { kind, key, object, part = "" } = aspect;
    const isGrant = kind === "grants" || kind === "default privileges";
    if (isDeclared(aspect, comparison)) return "stack";
    if (isGrant && managedRoles.test(/^default privileges of (\S+) in/.exec(object)?.[1] ?? "")) return "supabase";
    if (/^(extension|event trigger) /.test(object)) return ownedBySupabase(aspect) ? "supabase" : "person";
    const role = /^role (\S+)$/.exec(key)?.[1] ?? /^membership of (\S+) in /.exec(key)?.[1];
    if (role !== undefined) return managedRoles.test(role) && !isPower(aspect) ? "supabase" : "person";

    const schema = /^schema (\S+)$/.exec(object)?.[1] ?? schemaOf(object);
    if (schema === undefined || !managedSchemas.includes(schema)) return "person";
    if (kind === "policy" || kind === "row level security")
        return isNewOrGone(object, comparison) ? "supabase" : "person";
    if (kind === "trigger") return callsOwnFunction(aspect) ? "person" : "supabase";
    if (kind === "grants" && part !== "postgres" && !managedOnly(part)) {
        return isNewOrGone(object, comparison) ? "supabase" : "person";
    }
    return "supabase";
}

/** A right that no upgrade gives to whoever calls the API. */
function isPower({ key, after }: ChangedAspect): boolean {
    const isCaller = /\b(anon|authenticated|authenticator)\b/.test(key);
    return (
        isCaller &&
        (key.startsWith("membership of ") || /"(rolsuper|rolbypassrls|rolcreaterole)": true/.test(after ?? ""))
    );
}

/** Grants among Supabase's own services. */
function managedOnly(role: string): boolean {
    return managedRoles.test(role) && !["anon", "authenticated", "service_role"].includes(role);
}

function ownedBySupabase({ before, after }: ChangedAspect): boolean {
    const text = after ?? before ?? "";
    const place = /in schema (\S+)$/.exec(text)?.[1];
    return (
        / owner supabase_\w+$/.test(text) || (place !== undefined && [...managedSchemas, "pg_catalog"].includes(place))
    );
}

/** Whether the object itself came or went: what hangs on it came or went with it. */
function isNewOrGone(object: string, { before, after }: Comparison): boolean {
    const forms = [
        object,
        ...["table", "partitioned table", "view", "materialized view", "foreign table", "sequence"].map(
            kind => `${kind} ${object}`,
        ),
    ];
    return forms.some(form => before.has(form) !== after.has(form));
}

function callsOwnFunction({ before, after }: ChangedAspect): boolean {
    const schema = / EXECUTE (?:FUNCTION|PROCEDURE) ("(?:[^"]|"")+"|\w+)\./.exec(after ?? before ?? "")?.[1];
    return schema === undefined || !managedSchemas.includes(schema);
}
