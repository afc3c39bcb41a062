-- The catalog as text: one row per aspect of an object, (key, definition, object), with names instead of oids, so that
-- an object that was dropped and made again the same is the same. Sources: PostgreSQL documentation, chapter 53 "System
-- Catalogs". Left out: system schemas, this tool's own, temporary objects, and what belongs to an extension.
--
-- Here is of what there may be many in a database; others.sql has the rest. `object` is the oid that an aspect hangs on:
-- it says something else only when a row of that object was written, or one of what the object depends on by pg_depend
-- (changes.sql). A comment "wanted: x" is the place of a condition on x where only some objects are read, and "named: x"
-- that of one on the relations and types by whose names others are known.
with scope as (
    select oid, nspname, nspowner, nspacl
    from pg_catalog.pg_namespace
    where nspname not in ('pg_catalog', 'information_schema', 'simulation_db', 'simulation_db_archive', 'supabase_migrations')
        and nspname !~ '^pg_(toast|temp)'
),

member as materialized (
    select classid, objid from pg_catalog.pg_depend where deptype = 'e'
),

relation as materialized (
    select
        c.*, s.nspname,
        format('%I.%I', s.nspname, c.relname) as name,
        case c.relkind
            when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialized view'
            when 'S' then 'sequence' when 'f' then 'foreign table' when 'c' then 'composite type'
            else 'index'
        end as kind
    from pg_catalog.pg_class as c
    inner join scope as s on s.oid = c.relnamespace
    where not exists (select from member where classid = 'pg_class'::regclass and objid = c.oid) -- named: c.oid
),

routine as materialized (
    select p.*, format('function %I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name
    from pg_catalog.pg_proc as p
    inner join scope as s on s.oid = p.pronamespace
    where not exists (select from member where classid = 'pg_proc'::regclass and objid = p.oid) -- wanted: p.oid
),

data_type as materialized (
    select t.*, format('type %I.%I', s.nspname, t.typname) as name
    from pg_catalog.pg_type as t
    inner join scope as s on s.oid = t.typnamespace
    where t.typtype in ('b', 'd', 'e', 'p', 'r') and not (t.typtype = 'b' and t.typcategory = 'A')
        and not exists (select from member where classid = 'pg_type'::regclass and objid = t.oid) -- named: t.oid
),

attribute as materialized (
    select a.*, r.name as relation_name, r.kind, r.relkind, r.relowner, format('%s.%I', r.name, a.attname) as name
    from pg_catalog.pg_attribute as a
    inner join relation as r on r.oid = a.attrelid
    where a.attnum > 0 and not a.attisdropped and r.relkind not in ('i', 'I', 'S') -- named: a.attrelid
),

acl (name, items, object) as (
    select kind || ' ' || name, coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)), oid
    from relation where relkind not in ('i', 'I', 'c') -- wanted: oid
    union all
    select 'column ' || name, attacl, attrelid from attribute where attacl is not null -- wanted: attrelid
    union all
    select name, coalesce(proacl, acldefault('f', proowner)), oid from routine
    union all
    select name, coalesce(typacl, acldefault('T', typowner)), oid from data_type where true -- wanted: oid
    union all
    -- The type of a table's rows is rarely given to anybody; a composite type is one of its own.
    select 'type ' || r.name, coalesce(t.typacl, acldefault('T', t.typowner)), r.oid
    from relation as r inner join pg_catalog.pg_type as t on t.oid = r.reltype
    where (r.relkind = 'c' or not (t.typacl @> acldefault('T', t.typowner) and t.typacl <@ acldefault('T', t.typowner))) -- wanted: r.oid
    union all
    -- Of what belongs to an extension: privileges that are not those it came with.
    select f.name, f.now, f.oid
    from (
        select
            format('function %s', p.oid::regprocedure) as name, p.oid,
            coalesce(p.proacl, acldefault('f', p.proowner)) as now, coalesce(i.initprivs, acldefault('f', p.proowner)) as initial
        from pg_catalog.pg_proc as p
        inner join member as m on m.classid = 'pg_proc'::regclass and m.objid = p.oid
        left join pg_catalog.pg_init_privs as i on i.classoid = 'pg_proc'::regclass and i.objoid = p.oid
        where (p.proacl is not null or i.initprivs is not null) -- wanted: p.oid
        union all
        select
            format('relation %s', c.oid::regclass), c.oid,
            coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)),
            coalesce(i.initprivs, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))
        from pg_catalog.pg_class as c
        inner join member as m on m.classid = 'pg_class'::regclass and m.objid = c.oid
        left join pg_catalog.pg_init_privs as i on i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = 0
        where (c.relacl is not null or i.initprivs is not null) -- wanted: c.oid
    ) as f
    where not (f.now @> f.initial and f.now <@ f.initial)
),

-- Most tables share a handful of lists: each is put into words once.
acl_text as (
    select
        list, grantee,
        string_agg(privilege_type || case when is_grantable then ' with grant option' else '' end || ' by ' || grantor::regrole, ', ' order by privilege_type, grantor::regrole::text) as privileges
    from (select distinct items::text as list from acl) as each cross join lateral aclexplode(list::aclitem[])
    group by list, grantee
),

-- The view pg_seclabels would ask for each kind of object alone, which takes long to plan.
remark as (
    select r.what || ' on ' || i.type || ' ' || i.identity as name, r.said, r.objoid as object
    from (
        select 'comment' as what, classoid, objoid, objsubid, description as said
        from pg_catalog.pg_description as d
        where (objoid >= 16384 or classoid = 'pg_namespace'::regclass)
            and not exists (select from member where classid = d.classoid and objid = d.objoid)
        union all
        select 'security label ' || provider, classoid, objoid, objsubid, label from pg_catalog.pg_seclabel
        union all
        select 'security label ' || provider, classoid, objoid, 0, label from pg_catalog.pg_shseclabel
    ) as r
    cross join lateral pg_identify_object(r.classoid, r.objoid, r.objsubid) as i
    where (i.schema is null or i.schema in (select nspname from scope))
        and i.identity !~ '^simulation_db_(leaving|capture)_'
        and i.identity !~ ' on (simulation_db|simulation_db_archive|supabase_migrations)\.'
        and not (i.type = 'schema' and i.identity in ('simulation_db', 'simulation_db_archive', 'supabase_migrations')) -- wanted: r.objoid
),

entry (key, definition, object) as (
    select
        kind || ' ' || name,
        concat_ws(
            E'\n',
            'persistence ' || relpersistence::text,
            case when relkind in ('v', 'm') then pg_get_viewdef(oid) end,
            case when relkind = 'p' then 'partition by ' || pg_get_partkeydef(oid) end,
            case when relispartition then 'partition ' || pg_get_expr(relpartbound, oid) end,
            case when reloftype <> 0 then 'of ' || reloftype::regtype end,
            (
                select concat_ws(' ', 'server', quote_ident(v.srvname), 'options', md5(f.ftoptions::text))
                from pg_catalog.pg_foreign_table as f inner join pg_catalog.pg_foreign_server as v on v.oid = f.ftserver
                where f.ftrelid = relation.oid
            ),
            (select 'access method ' || amname from pg_catalog.pg_am where pg_am.oid = relam),
            (select 'tablespace ' || spcname from pg_catalog.pg_tablespace where pg_tablespace.oid = reltablespace),
            (select 'inherits ' || string_agg(inhparent::regclass::text, ', ' order by inhseqno) from pg_catalog.pg_inherits where inhrelid = relation.oid)
        ),
        oid
    from relation where relkind not in ('i', 'I', 'S', 'c') -- wanted: oid
    union all
    select 'owner of ' || kind || ' ' || name, relowner::regrole::text, oid from relation where relkind not in ('i', 'I') -- wanted: oid
    union all
    select
        'row level security of ' || name,
        case when relrowsecurity then 'on' else 'off' end || case when relforcerowsecurity then ', forced on the owner' else '' end,
        oid
    from relation where relkind in ('r', 'p') -- wanted: oid
    union all
    select 'options of ' || kind || ' ' || name, (select string_agg(o, ', ' order by o) from unnest(reloptions) as o), oid
    from relation where reloptions is not null -- wanted: oid
    union all
    select 'toast options of ' || r.name, (select string_agg(o, ', ' order by o) from unnest(t.reloptions) as o), r.oid
    from relation as r inner join pg_catalog.pg_class as t on t.oid = r.reltoastrelid where t.reloptions is not null -- wanted: r.oid
    union all
    select 'replica identity of ' || name, relreplident::text, oid from relation where relkind in ('r', 'p') and relreplident <> 'd' -- wanted: oid
    union all
    select
        'sequence ' || r.name,
        format(
            '%s %s start %s increment %s min %s max %s cache %s cycle %s owned by %s',
            r.relpersistence, format_type(q.seqtypid, null), q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle,
            coalesce((
                select format('%s.%I', d.refobjid::regclass, a.attname)
                from pg_catalog.pg_depend as d
                inner join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass
            ), 'nobody')
        ),
        r.oid
    from relation as r inner join pg_catalog.pg_sequence as q on q.seqrelid = r.oid where true -- wanted: r.oid

    union all
    select 'column order of ' || relation_name, string_agg(quote_ident(attname), ', ' order by attnum), attrelid
    from attribute where true -- wanted: attrelid
    group by attrelid, relation_name
    union all
    select
        'column ' || name,
        concat_ws(
            ' ',
            format_type(atttypid, atttypmod),
            (select 'collate ' || attcollation::regcollation where attcollation <> 0 and attcollation <> (select typcollation from pg_catalog.pg_type where oid = atttypid)),
            case when attnotnull then 'not null' end,
            case when attidentity <> '' then 'identity ' || attidentity::text end,
            case when attgenerated <> '' then 'generated ' || attgenerated::text end,
            case when not attislocal then 'inherited' end
        ),
        attrelid
    from attribute where true -- wanted: attrelid
    union all
    select 'default of column ' || a.name, pg_get_expr(d.adbin, d.adrelid), d.oid
    from attribute as a inner join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum where true -- wanted: d.oid
    union all
    select
        'storage of column ' || name,
        concat_ws(
            ', ',
            'storage ' || attstorage::text,
            case when attcompression <> '' then 'compression ' || attcompression::text end,
            case when coalesce(attstattarget, -1) <> -1 then 'statistics ' || attstattarget end,
            array_to_string(attoptions, ', '),
            array_to_string(attfdwoptions, ', ')
        ),
        attrelid
    from attribute where relkind in ('r', 'p', 'm', 'f') -- wanted: attrelid

    union all
    select
        format('constraint %I on %s', o.conname, coalesce(r.name, d.name)),
        pg_get_constraintdef(o.oid),
        o.oid
    from pg_catalog.pg_constraint as o
    left join relation as r on r.oid = o.conrelid
    left join data_type as d on d.oid = o.contypid
    where (r.oid is not null or d.oid is not null) and o.contype <> 't'
        -- Guards of a rollback (archive/guard.ts) are nobody's change.
        and not starts_with(o.conname::text, 'simulation_db_leaving_') -- wanted: o.oid
    union all
    select
        'index ' || r.name,
        concat_ws(
            E'\n',
            pg_get_indexdef(i.indexrelid),
            case when not (i.indisvalid and i.indisready) then 'INVALID' end,
            case when i.indisclustered then 'clustered' end,
            case when i.indisreplident then 'replica identity' end,
            (select 'part of ' || inhparent::regclass from pg_catalog.pg_inherits where inhrelid = i.indexrelid),
            (select 'tablespace ' || spcname from pg_catalog.pg_tablespace where oid = r.reltablespace),
            (
                select 'statistics ' || string_agg(attnum || ':' || attstattarget, ', ' order by attnum)
                from pg_catalog.pg_attribute where attrelid = i.indexrelid and coalesce(attstattarget, -1) <> -1
            )
        ),
        r.oid
    from relation as r inner join pg_catalog.pg_index as i on i.indexrelid = r.oid where true -- wanted: r.oid
    union all
    select format('trigger %I on %s', t.tgname, r.name), concat_ws(', ', pg_get_triggerdef(t.oid), 'enabled ' || t.tgenabled::text), t.oid
    from pg_catalog.pg_trigger as t inner join relation as r on r.oid = t.tgrelid
    where not t.tgisinternal
        -- Captures of a rollback (archive/capture.ts) are nobody's change either.
        and t.tgfoid <> all (array(select oid from pg_catalog.pg_proc where pronamespace = to_regnamespace('simulation_db_archive'))) -- wanted: t.oid
    union all
    -- Those that foreign keys work by, when somebody has switched them off.
    select format('triggers of constraint %I on %s', o.conname, r.name), string_agg(distinct 'enabled ' || t.tgenabled::text, ', '), o.oid
    from pg_catalog.pg_trigger as t inner join relation as r on r.oid = t.tgrelid inner join pg_catalog.pg_constraint as o on o.oid = t.tgconstraint
    where t.tgisinternal and t.tgenabled <> 'O' -- wanted: o.oid
    group by o.oid, o.conname, r.name
    union all
    select format('rule %I on %s', u.rulename, r.name), concat_ws(', ', pg_get_ruledef(u.oid), 'enabled ' || u.ev_enabled::text), u.oid
    from pg_catalog.pg_rewrite as u inner join relation as r on r.oid = u.ev_class where u.rulename <> '_RETURN' -- wanted: u.oid
    union all
    select
        format('policy %I on %s', p.polname, r.name),
        concat_ws(
            E'\n',
            case when p.polpermissive then 'permissive' else 'restrictive' end || ' for ' || p.polcmd::text,
            'to ' || (
                select string_agg(case granted when 0 then 'public' else granted::regrole::text end, ', ' order by granted::regrole::text)
                from unnest(p.polroles) as granted
            ),
            'using ' || pg_get_expr(p.polqual, p.polrelid),
            'with check ' || pg_get_expr(p.polwithcheck, p.polrelid)
        ),
        p.oid
    from pg_catalog.pg_policy as p inner join relation as r on r.oid = p.polrelid where true -- wanted: p.oid
    union all
    select
        format('statistics %I.%I', s.nspname, x.stxname),
        concat_ws(', ', pg_get_statisticsobjdef(x.oid), to_jsonb(x) ->> 'stxstattarget', x.stxowner::regrole), x.oid
    from pg_catalog.pg_statistic_ext as x inner join scope as s on s.oid = x.stxnamespace where true -- wanted: x.oid

    union all
    select name, concat_ws(E'\n', 'owner ' || proowner::regrole, case when prokind <> 'a' then pg_get_functiondef(oid) end), oid from routine
    union all
    select
        r.name || ' as aggregate',
        concat_ws(
            ', ',
            a.aggkind, a.aggnumdirectargs, a.aggtransfn::regprocedure, format_type(a.aggtranstype, null), a.aggtransspace, 'start ' || a.agginitval,
            a.aggfinalfn::regprocedure, a.aggfinalextra, a.aggfinalmodify, a.aggcombinefn::regprocedure, a.aggserialfn::regprocedure, a.aggdeserialfn::regprocedure,
            a.aggmtransfn::regprocedure, a.aggminvtransfn::regprocedure, format_type(nullif(a.aggmtranstype, 0), null), a.aggmtransspace, 'moving start ' || a.aggminitval,
            a.aggmfinalfn::regprocedure, a.aggmfinalextra, a.aggmfinalmodify, a.aggsortop::regoperator
        ),
        r.oid
    from routine as r inner join pg_catalog.pg_aggregate as a on a.aggfnoid = r.oid
    union all
    select
        name,
        concat_ws(
            ' ',
            'owner ' || typowner::regrole,
            case typtype
                when 'e' then 'enum ' || (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) from pg_catalog.pg_enum where enumtypid = data_type.oid)
                when 'd' then concat_ws(' ', 'domain', format_type(typbasetype, typtypmod), case when typnotnull then 'not null' end, 'default ' || typdefault, typcollation::regcollation)
                when 'r' then 'range ' || (
                    select concat_ws(
                        ' ', format_type(rngsubtype, null), rngmultitypid::regtype, nullif(rngcollation, 0)::regcollation, rngcanonical::regprocedure, rngsubdiff::regprocedure,
                        (select format('%I.%I', n.nspname, o.opcname) from pg_catalog.pg_opclass as o inner join pg_catalog.pg_namespace as n on n.oid = o.opcnamespace where o.oid = rngsubopc)
                    )
                    from pg_catalog.pg_range where rngtypid = data_type.oid
                )
                else concat_ws(' ', typtype, typlen, typbyval, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typalign, typstorage, typcategory)
            end
        ),
        oid
    from data_type where true -- wanted: oid

    union all
    select
        format('grants on %s to %s', name, case grantee when 0 then 'public' else grantee::regrole::text end),
        string_agg(privileges, ', ' order by privileges),
        object
    from acl inner join acl_text on acl_text.list = acl.items::text
    group by name, object, grantee

    union all
    select name, said, object from remark
    union all
    select
        format('publication %I of %s', p.pubname, x.prrelid::regclass),
        concat_ws(
            ' ',
            'columns ' || (
                select string_agg(quote_ident(a.attname), ', ' order by a.attname)
                from pg_catalog.pg_attribute as a where a.attrelid = x.prrelid and a.attnum = any (x.prattrs::int2[])
            ),
            'where ' || pg_get_expr(x.prqual, x.prrelid)
        ),
        x.oid
    from pg_catalog.pg_publication_rel as x inner join pg_catalog.pg_publication as p on p.oid = x.prpubid where true -- wanted: x.oid
)

select e.key, coalesce(e.definition, '') as definition, e.object from entry as e
