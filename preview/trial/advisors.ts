import type pg from "pg";

/** What a lint found. */
export interface Advice {
    /** As Supabase's splinter calls it. */
    readonly lint: string;
    readonly detail: string;
}

/**
 * The lints of Supabase's advisors that tables, policies and functions like ours could break, with splinter's names:
 * written anew from its documentation, not its code. They look at the schemas of the migrations; what is exposed is
 * `public`, as a project's API has it.
 */
export const lints: Readonly<Record<string, string>> = {
    unindexed_foreign_keys: `
        select format('%s on %s', conname, conrelid::regclass) from pg_constraint
        where contype = 'f' and connamespace = any (our.schemas)
            and not exists (
                select from pg_index
                where indrelid = conrelid and indpred is null and indisvalid
                    and (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey
            )`,
    auth_rls_initplan: `
        select format('%s on %s', polname, polrelid::regclass) from pg_policy
        cross join lateral (
            -- With or without its schema: that depends on the search_path of who asks.
            values (pg_get_expr(polqual, polrelid)), (pg_get_expr(polwithcheck, polrelid))
        ) as said (expression)
        where regexp_replace(expression, 'SELECT (auth\\.)?(uid|jwt|role|email|current_setting)\\(', '', 'g')
            ~ '\\m(uid|jwt|role|email|current_setting)\\('`,
    no_primary_key: `
        select c.oid::regclass::text from pg_class as c
        where relkind = 'r' and relnamespace = any (our.schemas)
            and not exists (select from pg_index where indrelid = c.oid and indisprimary)`,
    multiple_permissive_policies: `
        select format('%s by %s on %s: %s', verb, role::regrole, polrelid::regclass, string_agg(polname, ', '))
        from pg_policy
        join pg_class as c on c.oid = polrelid and relnamespace = any (our.schemas)
        cross join lateral unnest(polroles) as role
        join (values ('r'::"char", 'select'), ('a', 'insert'), ('w', 'update'), ('d', 'delete')) as verbs (cmd, verb)
            on polcmd in (cmd, '*')
        where polpermissive
        group by polrelid, role, verb
        having count(*) > 1`,
    policy_exists_rls_disabled: `
        select distinct polrelid::regclass::text from pg_policy join pg_class as c on c.oid = polrelid where not relrowsecurity`,
    rls_disabled_in_public: `
        select c.oid::regclass::text from pg_class as c
        where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and not relrowsecurity
            and (has_table_privilege('anon', c.oid, 'select, insert, update, delete, truncate')
                or has_table_privilege('authenticated', c.oid, 'select, insert, update, delete, truncate'))`,
    rls_enabled_no_policy: `
        select c.oid::regclass::text from pg_class as c
        where relkind = 'r' and relnamespace = 'public'::regnamespace and relrowsecurity
            and not exists (select from pg_policy where polrelid = c.oid)`,
    duplicate_index: `
        select format('%s on %s', string_agg(indexrelid::regclass::text, ', '), indrelid::regclass) from pg_index
        join pg_class as c on c.oid = indrelid and relnamespace = any (our.schemas)
        group by indrelid, replace(pg_get_indexdef(indexrelid), indexrelid::regclass::text, '')
        having count(*) > 1`,
    security_definer_view: `
        select c.oid::regclass::text from pg_class as c
        where relkind = 'v' and relnamespace = 'public'::regnamespace
            and not coalesce(reloptions @> array['security_invoker=true'] or reloptions @> array['security_invoker=on'], false)
            and (has_table_privilege('anon', c.oid, 'select') or has_table_privilege('authenticated', c.oid, 'select'))`,
    foreign_table_in_api: `
        select c.oid::regclass::text from pg_class as c
        where relkind = 'f' and relnamespace = 'public'::regnamespace
            and (has_table_privilege('anon', c.oid, 'select') or has_table_privilege('authenticated', c.oid, 'select'))`,
    function_search_path_mutable: `
        select oid::regprocedure::text from pg_proc
        where pronamespace = any (our.schemas)
            and not exists (select from unnest(proconfig) as setting where setting like 'search_path=%')`,
    rls_references_user_metadata: `
        select format('%s on %s', polname, polrelid::regclass) from pg_policy
        where concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) ~ 'user_metadata'`,
    rls_policy_always_true: `
        select format('%s on %s', polname, polrelid::regclass) from pg_policy
        where polpermissive and polcmd <> 'r' and polroles && array[0, 'anon'::regrole, 'authenticated'::regrole]::oid[]
            and 'true' in (pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))`,
    security_definer_function_executable: `
        select oid::regprocedure::text from pg_proc
        where prosecdef and pronamespace = 'public'::regnamespace
            and (has_function_privilege('anon', oid, 'execute') or has_function_privilege('authenticated', oid, 'execute'))`,
    public_bucket_allows_listing: `
        select format('%s on %s', polname, polrelid::regclass) from pg_policy
        join storage.buckets on public and pg_get_expr(polqual, polrelid) ~ id
        where polrelid = 'storage.objects'::regclass and polcmd in ('r', '*')`,
};

/** Schemas that are a project's own. */
const ownSchemas =
    "nspname !~ '^(pg_|information_schema$|simulation_db|supabase_|auth$|storage$|realtime$|vault$|extensions$|graphql)'";

/** undefined_table, undefined_object: a lint that is about something that this database does not have. */
const notHere = ["42P01", "42704"];

/** What the lints find in a database, a finding each. */
export async function adviceOn(client: pg.Client): Promise<Advice[]> {
    const found: Advice[] = [];
    for (const [lint, sql] of Object.entries(lints)) {
        const all = `
            select found.detail from (
                select array_agg(oid) as schemas from pg_namespace where ${ownSchemas}
            ) as our
            cross join lateral (${sql}) as found (detail)`;
        const rows = await client.query<{ detail: string }>(all).then(
            result => result.rows,
            (error: pg.DatabaseError) => {
                if (notHere.includes(error.code ?? "")) return [];
                throw error;
            },
        );
        found.push(...rows.map(({ detail }) => ({ lint, detail })));
    }
    return found;
}
