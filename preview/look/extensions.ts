import type pg from "pg";

/** An extension that the target has or could have, with what is needed to stand in for it where it is missing. */
export interface TargetExtensionFile {
    readonly name: string;
    readonly version: string;
    readonly installed: boolean;
    /** Whether only a superuser may create it. */
    readonly superuser: boolean;
    /** Whether whoever may create in the database may create it nevertheless. */
    readonly trusted: boolean;
    /** What makes its schemas, types, tables, functions and operators anew, without bodies, in an order that works. */
    readonly definitions: readonly string[];
    /** Everything it brings, by bare name: an error that names one of these may not be the migration's. */
    readonly names: readonly string[];
}

/** SQLSTATE with which a stand-in for an extension's function says what it is. Class "SD" is nobody else's. */
export const standInState = "SD001";

/** Types of arguments and results that no PL/pgSQL function can have. */
const internalTypes = `array['internal', 'cstring', '"any"', 'language_handler', 'fdw_handler', 'index_am_handler', 'table_am_handler', 'tsm_handler']::regtype[]`;

/** Members of one extension, by catalog. */
const members = (catalog: string) =>
    `(select refobjid as extension, objid from pg_catalog.pg_depend
      where deptype = 'e' and refclassid = 'pg_extension'::regclass and classid = '${catalog}'::regclass) as m`;

/**
 * A base type is known by its name and by functions that read and write it; text's own do for any. Nothing of the
 * shadow has rows, so what a value means does not matter.
 */
const definitions = `
    select m.extension, 1 as rank, n.oid, format('create schema %I', n.nspname) as line
    from ${members("pg_namespace")} inner join pg_catalog.pg_namespace as n on n.oid = m.objid
    union all
    select m.extension, 2, t.oid, case t.typtype
        when 'b' then format('create type %I.%I', n.nspname, t.typname)
        when 'e' then format('create type %I.%I as enum (%s)', n.nspname, t.typname, (
            select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_catalog.pg_enum as e where e.enumtypid = t.oid
        ))
        when 'd' then format('create domain %I.%I as %s', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod))
    end
    from ${members("pg_type")} inner join pg_catalog.pg_type as t on t.oid = m.objid
    inner join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
    where t.typtype in ('b', 'e', 'd') and t.typcategory <> 'A'
    union all
    select m.extension, 3, p.oid, format(
        'create function %I.%I(%s) returns %s language internal immutable strict as %L', n.nspname, p.proname,
        pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid), role.code
    )
    from ${members("pg_type")} inner join pg_catalog.pg_type as t on t.oid = m.objid and t.typtype = 'b' and t.typcategory <> 'A'
    cross join lateral (
        values (t.typinput::oid, 'textin'), (t.typoutput, 'textout'), (t.typreceive, 'textrecv'), (t.typsend, 'textsend'),
            (t.typmodin, 'varchartypmodin'), (t.typmodout, 'varchartypmodout')
    ) as role (fn, code)
    inner join pg_catalog.pg_proc as p on p.oid = role.fn and p.oid >= 16384
    inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    union all
    select m.extension, 4, t.oid, format(
        'create type %I.%I (input = %s, output = %s, storage = %s%s%s)', n.nspname, t.typname, t.typinput::regproc, t.typoutput::regproc,
        case t.typstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end,
        case when t.typmodin <> 0 then ', typmod_in = ' || t.typmodin::regproc else '' end,
        case when t.typmodout <> 0 then ', typmod_out = ' || t.typmodout::regproc else '' end
    )
    from ${members("pg_type")} inner join pg_catalog.pg_type as t on t.oid = m.objid and t.typtype = 'b' and t.typcategory <> 'A'
    inner join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
    union all
    select m.extension, 5, c.oid, format('create %s %I.%I %s', case c.relkind when 'c' then 'type' else 'table' end, n.nspname, c.relname,
        case c.relkind when 'c' then 'as ' else '' end || '(' || (
            select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
            from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        ) || ')')
    from ${members("pg_class")} inner join pg_catalog.pg_class as c on c.oid = m.objid and c.relkind in ('r', 'p', 'v', 'm', 'c')
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    union all
    select m.extension, 6, c.oid, format('create sequence %I.%I', n.nspname, c.relname)
    from ${members("pg_class")} inner join pg_catalog.pg_class as c on c.oid = m.objid and c.relkind = 'S'
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    union all
    select m.extension, 7, p.oid, format('create %s %I.%I(%s) %s %s', case p.prokind when 'p' then 'procedure' else 'function' end,
        n.nspname, p.proname, pg_get_function_arguments(p.oid), case p.prokind when 'p' then '' else 'returns ' || pg_get_function_result(p.oid) end,
        case
            when p.prorettype = any (${internalTypes}) or exists (select from unnest(p.proargtypes::oid[]) as a where a = any (${internalTypes}))
                then 'language internal as ''pg_backend_pid'''
            else format(
                'language plpgsql %s as %L', case when p.prokind = 'p' then '' when p.provolatile = 'i' then 'immutable' when p.provolatile = 's' then 'stable' else '' end,
                format('begin raise exception using errcode = ''${standInState}'', message = %L; end',
                    format('%I.%I is a stand-in on the shadow: the extension that it belongs to is not there', n.nspname, p.proname))
            )
        end)
    from ${members("pg_proc")} inner join pg_catalog.pg_proc as p on p.oid = m.objid and p.prokind in ('f', 'p')
    inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where not exists (
        select from pg_catalog.pg_type as t where p.oid in (t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout)
    )
    union all
    select m.extension, 8, o.oid, format(
        'create operator %I.%s (function = %s, leftarg = %s, rightarg = %s)', n.nspname, o.oprname, o.oprcode::regproc,
        o.oprleft::regtype, o.oprright::regtype
    )
    from ${members("pg_operator")} inner join pg_catalog.pg_operator as o on o.oid = m.objid and o.oprkind = 'b'
    inner join pg_catalog.pg_namespace as n on n.oid = o.oprnamespace
    union all
    select m.extension, 9, c.oid, format(
        'create cast (%s as %s) %s %s', c.castsource::regtype, c.casttarget::regtype,
        case c.castmethod when 'f' then 'with function ' || c.castfunc::regprocedure when 'i' then 'with inout' else 'without function' end,
        case c.castcontext when 'a' then 'as assignment' when 'i' then 'as implicit' else '' end
    )
    from ${members("pg_cast")} inner join pg_catalog.pg_cast as c on c.oid = m.objid`;

/** Reads what extensions the target has, and which it could have. Names are written in full: the search path is empty. */
export async function readExtensionFiles(client: pg.Client): Promise<TargetExtensionFile[]> {
    await client.query("set local search_path = ''");
    const { rows } = await client.query<TargetExtensionFile>(`
        with wanted as (
            select e.oid, coalesce(x.name, e.extname) as name, coalesce(e.extversion, x.default_version, '1.0') as version
            from pg_catalog.pg_available_extensions as x full join pg_catalog.pg_extension as e on e.extname = x.name
        ),
        definition as materialized (
            select extension, jsonb_agg(line order by rank, oid) as lines from (${definitions}) as each where line is not null group by extension
        ),
        named as materialized (
            select m.refobjid as extension, jsonb_agg(distinct regexp_replace(i.object_names[cardinality(i.object_names)], '^.*\\.', '')) as names
            from pg_catalog.pg_depend as m cross join lateral pg_identify_object_as_address(m.classid, m.objid, 0) as i
            where m.deptype = 'e' and m.refclassid = 'pg_extension'::regclass and cardinality(i.object_names) > 0
            group by m.refobjid
        )
        select
            w.name, w.version, w.oid is not null as installed, coalesce(v.superuser, true) as superuser, coalesce(v.trusted, false) as trusted,
            coalesce(d.lines, '[]') as definitions, coalesce(n.names, '[]') as names
        from wanted as w
        left join definition as d on d.extension = w.oid left join named as n on n.extension = w.oid
        left join pg_catalog.pg_available_extension_versions as v on v.name = w.name and v.version = w.version
        order by w.name`);
    return rows;
}
