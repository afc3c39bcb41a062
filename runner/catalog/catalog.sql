-- The catalog as text: one row per aspect of an object, (key, definition), with names instead of oids, so that an
-- object that was dropped and made again the same is the same. Sources: PostgreSQL documentation, chapter 53 "System
-- Catalogs". Left out: system schemas, this tool's own, temporary objects, and what belongs to an extension.
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
    where not exists (select from member where classid = 'pg_class'::regclass and objid = c.oid)
),

routine as materialized (
    select p.*, format('function %I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name
    from pg_catalog.pg_proc as p
    inner join scope as s on s.oid = p.pronamespace
    where not exists (select from member where classid = 'pg_proc'::regclass and objid = p.oid)
),

data_type as materialized (
    select t.*, format('type %I.%I', s.nspname, t.typname) as name
    from pg_catalog.pg_type as t
    inner join scope as s on s.oid = t.typnamespace
    where t.typtype in ('b', 'd', 'e', 'p', 'r') and t.typcategory <> 'A'
        and not exists (select from member where classid = 'pg_type'::regclass and objid = t.oid)
),

attribute as materialized (
    select a.*, r.name as relation_name, r.kind, r.relkind, r.relowner, format('%s.%I', r.name, a.attname) as name
    from pg_catalog.pg_attribute as a
    inner join relation as r on r.oid = a.attrelid
    where a.attnum > 0 and not a.attisdropped and r.relkind not in ('i', 'I', 'S')
),

acl (object, owner, items) as (
    select 'schema ' || quote_ident(nspname), nspowner, coalesce(nspacl, acldefault('n', nspowner)) from scope
    union all
    select kind || ' ' || name, relowner, coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))
    from relation where relkind not in ('i', 'I', 'c')
    union all
    select 'column ' || name, relowner, attacl from attribute where attacl is not null
    union all
    select name, proowner, coalesce(proacl, acldefault('f', proowner)) from routine
    union all
    select name, typowner, coalesce(typacl, acldefault('T', typowner)) from data_type
    union all
    -- The type of a table's rows is rarely given to anybody; a composite type is one of its own.
    select 'type ' || r.name, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
    from relation as r inner join pg_catalog.pg_type as t on t.oid = r.reltype
    where r.relkind = 'c' or not (t.typacl @> acldefault('T', t.typowner) and t.typacl <@ acldefault('T', t.typowner))
    union all
    select 'database', datdba, coalesce(datacl, acldefault('d', datdba)) from pg_catalog.pg_database where datname = current_database()
    union all
    select 'language ' || quote_ident(lanname), lanowner, coalesce(lanacl, acldefault('l', lanowner)) from pg_catalog.pg_language
    union all
    select 'foreign data wrapper ' || quote_ident(fdwname), fdwowner, coalesce(fdwacl, acldefault('F', fdwowner)) from pg_catalog.pg_foreign_data_wrapper
    union all
    select 'foreign server ' || quote_ident(srvname), srvowner, coalesce(srvacl, acldefault('S', srvowner)) from pg_catalog.pg_foreign_server
    union all
    select 'tablespace ' || quote_ident(spcname), spcowner, coalesce(spcacl, acldefault('t', spcowner)) from pg_catalog.pg_tablespace where oid >= 16384
    union all
    select 'parameter ' || parname, 10::oid, paracl from pg_catalog.pg_parameter_acl
    union all
    -- Of what belongs to an extension: privileges that are not those it came with.
    select f.name, f.owner, f.now
    from (
        select
            format('function %s', p.oid::regprocedure) as name, p.proowner as owner,
            coalesce(p.proacl, acldefault('f', p.proowner)) as now, coalesce(i.initprivs, acldefault('f', p.proowner)) as initial
        from pg_catalog.pg_proc as p
        inner join member as m on m.classid = 'pg_proc'::regclass and m.objid = p.oid
        left join pg_catalog.pg_init_privs as i on i.classoid = 'pg_proc'::regclass and i.objoid = p.oid
        where p.proacl is not null or i.initprivs is not null
        union all
        select
            format('relation %s', c.oid::regclass), c.relowner,
            coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)),
            coalesce(i.initprivs, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))
        from pg_catalog.pg_class as c
        inner join member as m on m.classid = 'pg_class'::regclass and m.objid = c.oid
        left join pg_catalog.pg_init_privs as i on i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = 0
        where c.relacl is not null or i.initprivs is not null
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

commented as (
    select d.description, i.type, i.schema, i.identity
    from pg_catalog.pg_description as d
    cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
    where (d.objoid >= 16384 or d.classoid = 'pg_namespace'::regclass)
        and not exists (select from member where classid = d.classoid and objid = d.objoid)
        and (i.schema is null or i.schema in (select nspname from scope))
        and i.identity !~ ' on (simulation_db|simulation_db_archive|supabase_migrations)\.'
        and not (i.type = 'schema' and i.identity in ('simulation_db', 'simulation_db_archive', 'supabase_migrations'))
),

entry (key, definition) as (
    select 'schema ' || quote_ident(nspname), 'owner ' || nspowner::regrole from scope
    where not exists (select from member where classid = 'pg_namespace'::regclass and objid = scope.oid)

    union all
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
        )
    from relation where relkind not in ('i', 'I', 'S', 'c')
    union all
    select 'owner of ' || kind || ' ' || name, relowner::regrole::text from relation where relkind not in ('i', 'I')
    union all
    select
        'row level security of ' || name,
        case when relrowsecurity then 'on' else 'off' end || case when relforcerowsecurity then ', forced on the owner' else '' end
    from relation where relkind in ('r', 'p')
    union all
    select 'options of ' || kind || ' ' || name, (select string_agg(o, ', ' order by o) from unnest(reloptions) as o)
    from relation where reloptions is not null
    union all
    select 'toast options of ' || r.name, (select string_agg(o, ', ' order by o) from unnest(t.reloptions) as o)
    from relation as r inner join pg_catalog.pg_class as t on t.oid = r.reltoastrelid where t.reloptions is not null
    union all
    select 'replica identity of ' || name, relreplident::text from relation where relkind in ('r', 'p') and relreplident <> 'd'
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
        )
    from relation as r inner join pg_catalog.pg_sequence as q on q.seqrelid = r.oid

    union all
    select 'column order of ' || relation_name, string_agg(quote_ident(attname), ', ' order by attnum) from attribute group by relation_name
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
        )
    from attribute
    union all
    select 'default of column ' || a.name, pg_get_expr(d.adbin, d.adrelid)
    from attribute as a inner join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
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
        )
    from attribute where relkind in ('r', 'p', 'm', 'f')

    union all
    select
        format('constraint %I on %s', o.conname, coalesce(r.name, d.name)),
        pg_get_constraintdef(o.oid)
    from pg_catalog.pg_constraint as o
    left join relation as r on r.oid = o.conrelid
    left join data_type as d on d.oid = o.contypid
    where (r.oid is not null or d.oid is not null) and o.contype <> 't'
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
        )
    from relation as r inner join pg_catalog.pg_index as i on i.indexrelid = r.oid
    union all
    select format('trigger %I on %s', t.tgname, r.name), concat_ws(', ', pg_get_triggerdef(t.oid), 'enabled ' || t.tgenabled::text)
    from pg_catalog.pg_trigger as t inner join relation as r on r.oid = t.tgrelid where not t.tgisinternal
    union all
    -- Those that foreign keys work by, when somebody has switched them off.
    select format('triggers of constraint %I on %s', o.conname, r.name), string_agg(distinct 'enabled ' || t.tgenabled::text, ', ')
    from pg_catalog.pg_trigger as t inner join relation as r on r.oid = t.tgrelid inner join pg_catalog.pg_constraint as o on o.oid = t.tgconstraint
    where t.tgisinternal and t.tgenabled <> 'O'
    group by o.conname, r.name
    union all
    select format('rule %I on %s', u.rulename, r.name), concat_ws(', ', pg_get_ruledef(u.oid), 'enabled ' || u.ev_enabled::text)
    from pg_catalog.pg_rewrite as u inner join relation as r on r.oid = u.ev_class where u.rulename <> '_RETURN'
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
        )
    from pg_catalog.pg_policy as p inner join relation as r on r.oid = p.polrelid
    union all
    select format('statistics %I.%I', s.nspname, x.stxname), concat_ws(', ', pg_get_statisticsobjdef(x.oid), to_jsonb(x) ->> 'stxstattarget', x.stxowner::regrole)
    from pg_catalog.pg_statistic_ext as x inner join scope as s on s.oid = x.stxnamespace

    union all
    select name, concat_ws(E'\n', 'owner ' || proowner::regrole, case when prokind <> 'a' then pg_get_functiondef(oid) end) from routine
    union all
    select
        r.name || ' as aggregate',
        concat_ws(
            ', ',
            a.aggkind, a.aggnumdirectargs, a.aggtransfn::regprocedure, format_type(a.aggtranstype, null), a.aggtransspace, 'start ' || a.agginitval,
            a.aggfinalfn::regprocedure, a.aggfinalextra, a.aggfinalmodify, a.aggcombinefn::regprocedure, a.aggserialfn::regprocedure, a.aggdeserialfn::regprocedure,
            a.aggmtransfn::regprocedure, a.aggminvtransfn::regprocedure, format_type(nullif(a.aggmtranstype, 0), null), a.aggmtransspace, 'moving start ' || a.aggminitval,
            a.aggmfinalfn::regprocedure, a.aggmfinalextra, a.aggmfinalmodify, a.aggsortop::regoperator
        )
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
        )
    from data_type

    union all
    select
        format('grants on %s to %s', object, case grantee when 0 then 'public' else grantee::regrole::text end),
        string_agg(privileges, ', ' order by privileges)
    from acl inner join acl_text on acl_text.list = acl.items::text
    group by object, grantee
    union all
    select
        format(
            'default privileges of %s in %s on %s to %s', d.defaclrole::regrole,
            coalesce((select quote_ident(nspname) from pg_catalog.pg_namespace where oid = d.defaclnamespace), 'all schemas'), d.defaclobjtype,
            case x.grantee when 0 then 'public' else x.grantee::regrole::text end
        ),
        string_agg(x.privilege_type || case when x.is_grantable then ' with grant option' else '' end, ', ' order by x.privilege_type)
    from pg_catalog.pg_default_acl as d cross join lateral aclexplode(d.defaclacl) as x
    group by d.defaclrole, d.defaclnamespace, d.defaclobjtype, x.grantee
    union all
    -- A row that takes the built-in default away grants nothing, and is still a row.
    select
        format('default privileges of %s in %s on %s', d.defaclrole::regrole, coalesce((select quote_ident(nspname) from pg_catalog.pg_namespace where oid = d.defaclnamespace), 'all schemas'), d.defaclobjtype),
        'set'
    from pg_catalog.pg_default_acl as d
    where d.defaclnamespace = 0 or d.defaclnamespace in (select oid from scope)

    union all
    select format('comment on %s %s', type, identity), description from commented
    union all
    select format('security label %s on %s %s', l.provider, l.objtype, l.objname), l.label
    from pg_catalog.pg_seclabels as l where l.objnamespace is null or l.objnamespace in (select oid from scope)

    union all
    select
        'role ' || quote_ident(rolname),
        (to_jsonb(pg_roles) - 'oid' - 'rolname' - 'rolpassword' - 'rolconfig' - 'rolvaliduntil')::text || coalesce(' until ' || nullif(rolvaliduntil, 'infinity'), '')
    from pg_catalog.pg_roles where rolname !~ '^pg_'
    union all
    select
        format('membership of %s in %s', m.member::regrole, m.roleid::regrole),
        string_agg((to_jsonb(m) - 'oid' - 'roleid' - 'member' - 'grantor')::text || ' by ' || m.grantor::regrole, ', ' order by m.grantor::regrole::text)
    from pg_catalog.pg_auth_members as m group by m.member, m.roleid
    union all
    select
        format('settings of %s in %s', case setrole when 0 then 'everybody' else setrole::regrole::text end, case setdatabase when 0 then 'all databases' else 'this database' end),
        -- Settings of one's own may hold secrets: they are known by their hash.
        (
            select string_agg(
                case when entry ~ '^[^=]*\.' then split_part(entry, '=', 1) || ' with md5 ' || md5(entry) else entry end, E'\n' order by entry
            )
            from unnest(setconfig) as entry
        )
    from pg_catalog.pg_db_role_setting
    where setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
    union all
    select 'comment on role ' || d.objoid::regrole, d.description from pg_catalog.pg_shdescription as d where d.classoid = 'pg_authid'::regclass
    union all
    select 'comment on the database', d.description
    from pg_catalog.pg_shdescription as d inner join pg_catalog.pg_database as b on b.oid = d.objoid
    where d.classoid = 'pg_database'::regclass and b.datname = current_database()
    union all
    select 'owner of the database', datdba::regrole::text from pg_catalog.pg_database where datname = current_database()
    union all
    select 'connection limit of the database', datconnlimit::text from pg_catalog.pg_database where datname = current_database() and datconnlimit <> -1

    union all
    select 'extension ' || quote_ident(e.extname), format('version %s in schema %I', e.extversion, n.nspname)
    from pg_catalog.pg_extension as e inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
    union all
    select 'publication ' || quote_ident(pubname), (to_jsonb(p) - 'oid' - 'pubname' - 'pubowner')::text || ' owner ' || pubowner::regrole
    from pg_catalog.pg_publication as p
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
        )
    from pg_catalog.pg_publication_rel as x inner join pg_catalog.pg_publication as p on p.oid = x.prpubid
    union all
    select format('publication %I of schema %s', p.pubname, x.pnnspid::regnamespace), 'all tables'
    from pg_catalog.pg_publication_namespace as x inner join pg_catalog.pg_publication as p on p.oid = x.pnpubid
    union all
    select
        'event trigger ' || quote_ident(evtname),
        format('on %s when %s execute %s, enabled %s, owner %s', evtevent, evttags, evtfoid::regprocedure, evtenabled, evtowner::regrole)
    from pg_catalog.pg_event_trigger
    union all
    select
        format('cast %s as %s', format_type(castsource, null), format_type(casttarget, null)),
        concat_ws(' ', castfunc::regprocedure, castcontext, castmethod)
    from pg_catalog.pg_cast
    where oid >= 16384 and not exists (select from member where classid = 'pg_cast'::regclass and objid = pg_cast.oid)
    union all
    select
        'operator ' || o.oid::regoperator,
        concat_ws(' ', o.oprcode, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash, o.oprowner::regrole)
    from pg_catalog.pg_operator as o inner join scope as s on s.oid = o.oprnamespace
    where not exists (select from member where classid = 'pg_operator'::regclass and objid = o.oid)
    union all
    select
        format('operator family %I.%I using %s', s.nspname, f.opfname, a.amname),
        concat_ws(
            ' ',
            f.opfowner::regrole,
            (
                select string_agg(concat_ws(' ', amopstrategy, amopopr::regoperator, amoppurpose), ', ' order by amopstrategy, amopopr::regoperator::text)
                from pg_catalog.pg_amop where amopfamily = f.oid
            ),
            (
                select string_agg(
                    concat_ws(' ', amprocnum, amproc::regprocedure, format_type(amproclefttype, null), format_type(amprocrighttype, null)), ', '
                    order by amprocnum, amproc::regprocedure::text, format_type(amproclefttype, null), format_type(amprocrighttype, null)
                )
                from pg_catalog.pg_amproc where amprocfamily = f.oid
            )
        )
    from pg_catalog.pg_opfamily as f
    inner join scope as s on s.oid = f.opfnamespace inner join pg_catalog.pg_am as a on a.oid = f.opfmethod
    where not exists (select from member where classid = 'pg_opfamily'::regclass and objid = f.oid)
    union all
    select
        format('operator class %I.%I using %s', s.nspname, o.opcname, a.amname),
        concat_ws(
            ' ', format_type(o.opcintype, null), o.opcdefault, format_type(nullif(o.opckeytype, 0), null), o.opcowner::regrole,
            (select format('family %I.%I', n.nspname, f.opfname) from pg_catalog.pg_opfamily as f inner join pg_catalog.pg_namespace as n on n.oid = f.opfnamespace where f.oid = o.opcfamily)
        )
    from pg_catalog.pg_opclass as o
    inner join scope as s on s.oid = o.opcnamespace inner join pg_catalog.pg_am as a on a.oid = o.opcmethod
    where not exists (select from member where classid = 'pg_opclass'::regclass and objid = o.oid)
    union all
    select
        format('collation %I.%I', s.nspname, c.collname),
        (to_jsonb(c) - 'oid' - 'collname' - 'collnamespace' - 'collowner' - 'collversion')::text || ' owner ' || c.collowner::regrole
    from pg_catalog.pg_collation as c inner join scope as s on s.oid = c.collnamespace
    union all
    select
        format('conversion %I.%I', s.nspname, c.conname),
        concat_ws(' ', pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding), c.conproc::regprocedure, c.condefault, c.conowner::regrole)
    from pg_catalog.pg_conversion as c inner join scope as s on s.oid = c.connamespace
    where not exists (select from member where classid = 'pg_conversion'::regclass and objid = c.oid)
    union all
    select
        format('text search configuration %I.%I', s.nspname, c.cfgname),
        concat_ws(
            ' ', 'owner ' || c.cfgowner::regrole,
            (select format('parser %I.%I', n.nspname, p.prsname) from pg_catalog.pg_ts_parser as p inner join pg_catalog.pg_namespace as n on n.oid = p.prsnamespace where p.oid = c.cfgparser),
            (
                select string_agg(format('%s:%s:%s', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', ' order by m.maptokentype, m.mapseqno)
                from pg_catalog.pg_ts_config_map as m where m.mapcfg = c.oid
            )
        )
    from pg_catalog.pg_ts_config as c inner join scope as s on s.oid = c.cfgnamespace
    where not exists (select from member where classid = 'pg_ts_config'::regclass and objid = c.oid)
    union all
    select
        format('text search dictionary %I.%I', s.nspname, d.dictname),
        concat_ws(
            ' ', d.dictowner::regrole, d.dictinitoption,
            (select format('template %I.%I', n.nspname, t.tmplname) from pg_catalog.pg_ts_template as t inner join pg_catalog.pg_namespace as n on n.oid = t.tmplnamespace where t.oid = d.dicttemplate)
        )
    from pg_catalog.pg_ts_dict as d inner join scope as s on s.oid = d.dictnamespace
    where not exists (select from member where classid = 'pg_ts_dict'::regclass and objid = d.oid)
    union all
    select format('text search parser %I.%I', s.nspname, p.prsname), concat_ws(' ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)
    from pg_catalog.pg_ts_parser as p inner join scope as s on s.oid = p.prsnamespace
    where not exists (select from member where classid = 'pg_ts_parser'::regclass and objid = p.oid)
    union all
    select format('text search template %I.%I', s.nspname, t.tmplname), concat_ws(' ', t.tmplinit, t.tmpllexize)
    from pg_catalog.pg_ts_template as t inner join scope as s on s.oid = t.tmplnamespace
    where not exists (select from member where classid = 'pg_ts_template'::regclass and objid = t.oid)
    union all
    select 'language ' || quote_ident(lanname), concat_ws(' ', lanpltrusted, lanplcallfoid::regprocedure, laninline::regprocedure, lanvalidator::regprocedure, lanowner::regrole)
    from pg_catalog.pg_language where oid >= 16384 and not exists (select from member where classid = 'pg_language'::regclass and objid = pg_language.oid)
    union all
    select format('transform for %s language %I', format_type(t.trftype, null), l.lanname), concat_ws(' ', t.trffromsql::regprocedure, t.trftosql::regprocedure)
    from pg_catalog.pg_transform as t inner join pg_catalog.pg_language as l on l.oid = t.trflang
    where not exists (select from member where classid = 'pg_transform'::regclass and objid = t.oid)
    union all
    select 'access method ' || quote_ident(amname), concat_ws(' ', amtype, amhandler::regprocedure)
    from pg_catalog.pg_am where oid >= 16384 and not exists (select from member where classid = 'pg_am'::regclass and objid = pg_am.oid)
    union all
    -- Options of what reaches other servers may hold secrets: they are known by their hash.
    select 'foreign data wrapper ' || quote_ident(fdwname), concat_ws(' ', fdwowner::regrole, fdwhandler::regproc, fdwvalidator::regproc, 'options ' || md5(fdwoptions::text))
    from pg_catalog.pg_foreign_data_wrapper
    union all
    select
        'foreign server ' || quote_ident(v.srvname),
        concat_ws(' ', v.srvowner::regrole, v.srvtype, v.srvversion, 'wrapper ' || quote_ident(w.fdwname), 'options ' || md5(v.srvoptions::text))
    from pg_catalog.pg_foreign_server as v inner join pg_catalog.pg_foreign_data_wrapper as w on w.oid = v.srvfdw
    union all
    -- Only the user and the superuser may see more of it.
    select format('user mapping of %s on server %I', usename, srvname), 'there' from pg_catalog.pg_user_mappings
    union all
    select 'subscription ' || quote_ident(subname), concat_ws(' ', subowner::regrole, 'enabled ' || subenabled, 'slot ' || subslotname, array_to_string(subpublications, ', '))
    from pg_catalog.pg_subscription where subdbid = (select oid from pg_catalog.pg_database where datname = current_database())
)

select e.key, coalesce(e.definition, '') as definition from entry as e
