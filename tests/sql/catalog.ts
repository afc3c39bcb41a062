import type pg from "pg";

/** Schemas that are PostgreSQL's, or the runner's own. */
const outside = ["pg_%", "information\\_schema", "simulation\\_db%", "supabase\\_migrations"];

/**
 * Everything that a migration could leave behind, as sorted lines of text: two catalogs are equal when these are.
 * Names stand for oids, and the place of a column for its number, so that a dropped column leaves no trace.
 */
export async function readCatalog(client: pg.Client): Promise<string[]> {
    const { rows } = await client.query<{ line: string }>(catalog, [outside]);
    return rows.map(({ line }) => line).sort();
}

// Privileges that nobody ever touched are null, and mean the built-in ones; in which order they were given means nothing.
const privileges = (acl: string, builtIn = "'{}'") =>
    `(select array_agg(item::text order by item::text) from unnest(coalesce(${acl}, ${builtIn})) as item)`;

const catalog = `
    with
    space as (
        select * from pg_namespace where not nspname like any ($1::text[])
    ),
    relation as (
        select c.*, format('%I.%I', nspname, relname) as name
        from pg_class c join space on space.oid = relnamespace
    )
    select concat_ws(' ', 'schema', nspname, pg_get_userbyid(nspowner), ${privileges("nspacl", "acldefault('n', nspowner)")},
        obj_description(oid, 'pg_namespace')) as line
    from space
    union all
    select concat_ws(' ', 'relation', relkind, name, pg_get_userbyid(relowner), relpersistence, relrowsecurity,
        relforcerowsecurity, relreplident, reloptions,
        ${privileges("relacl", "acldefault(case relkind when 'S' then 's' else 'r' end::\"char\", relowner)")},
        obj_description(oid, 'pg_class'))
    from relation
    union all
    select concat_ws(' ', 'column', name, rank() over (partition by attrelid order by attnum), attname,
        format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attstorage, attcompression,
        attstattarget, attcollation::regcollation, attoptions, ${privileges("attacl")}, pg_get_expr(adbin, adrelid),
        col_description(attrelid, attnum))
    from relation
    join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    union all
    select concat_ws(' ', 'constraint', conrelid::regclass, conname, convalidated, condeferrable, condeferred,
        pg_get_constraintdef(c.oid), obj_description(c.oid, 'pg_constraint'))
    from pg_constraint c join space on space.oid = connamespace
    union all
    select concat_ws(' ', 'index', pg_get_indexdef(indexrelid), indisvalid, indisready, indisclustered, indisreplident)
    from pg_index join relation on relation.oid = indexrelid
    union all
    select concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid), tgenabled, obj_description(t.oid, 'pg_trigger'))
    from pg_trigger t join relation on relation.oid = tgrelid where not tgisinternal
    union all
    select concat_ws(' ', 'policy', polrelid::regclass, polname, polcmd, polpermissive,
        (select array_agg(pg_get_userbyid(role)) from unnest(polroles) as role), pg_get_expr(polqual, polrelid), '|',
        pg_get_expr(polwithcheck, polrelid), obj_description(oid, 'pg_policy'))
    from pg_policy
    union all
    select concat_ws(' ', 'function', p.oid::regprocedure, pg_get_userbyid(proowner), md5(pg_get_functiondef(p.oid)),
        ${privileges("proacl", "acldefault('f', proowner)")}, obj_description(p.oid, 'pg_proc'))
    from pg_proc p join space on space.oid = pronamespace where prokind in ('f', 'p')
    union all
    select concat_ws(' ', 'type', t.oid::regtype, typtype, ${privileges("typacl", "acldefault('T', typowner)")},
        obj_description(t.oid, 'pg_type'))
    from pg_type t join space on space.oid = typnamespace
    union all
    select concat_ws(' ', 'default privileges', pg_get_userbyid(defaclrole), defaclnamespace::regnamespace,
        defaclobjtype, ${privileges("defaclacl")})
    from pg_default_acl
    union all
    select concat_ws(' ', 'event trigger', evtname, evtevent, evtenabled, evttags, evtfoid::regprocedure)
    from pg_event_trigger
    union all
    select concat_ws(' ', 'extension', extname, extversion) from pg_extension
    union all
    select concat_ws(' ', 'role', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls,
        (select array_agg(s.setconfig order by setdatabase) from pg_db_role_setting s where setrole = r.oid))
    from pg_roles r
    union all
    select concat_ws(' ', 'member', pg_get_userbyid(roleid), pg_get_userbyid(member), admin_option) from pg_auth_members
    union all
    select concat_ws(' ', 'publication', pubname, puballtables, (select array_agg(prrelid::regclass) from pg_publication_rel where prpubid = p.oid))
    from pg_publication p`;
