/**
 * All tables and their columns by the numbers that the server knows them by, so that a thing under another name is
 * still the same thing: `{oid: [table, column 1, column 2, …]}`, null for a column that is gone. SQL.
 */
export const tablesNow = `(
    select coalesce(jsonb_object_agg(t.oid::text, jsonb_build_array(t.name) || t.columns), '{}')
    from (
        select
            c.oid, format('%I.%I', n.nspname, c.relname) as name,
            jsonb_agg(case when not a.attisdropped then quote_ident(a.attname) end order by a.attnum) as columns
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
        where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|simulation_db)' and n.nspname not in ('information_schema', 'supabase_migrations')
        group by c.oid, n.nspname, c.relname
    ) as t
)`;

/**
 * What one of two such maps has and the other has not: `{table: true}` for a whole table, `{table: [columns]}` for some
 * columns of one that both have. By the names of the first. SQL.
 */
export function onlyIn(one: string, other: string): string {
    return `(
        select coalesce(jsonb_object_agg(d.name, d.columns) filter (where d.columns <> '[]'), '{}')
        from (
            select
                one.value ->> 0 as name,
                case when other.value is null then 'true' else (
                    select coalesce(jsonb_agg(c.name order by c.nth), '[]')
                    from jsonb_array_elements_text(one.value) with ordinality as c (name, nth)
                    where c.nth > 1 and c.name is not null and other.value ->> (c.nth::int - 1) is null
                ) end as columns
            from jsonb_each(${one}) as one left join jsonb_each(${other}) as other using (key)
            where one.value is distinct from other.value
        ) as d
    )`;
}
