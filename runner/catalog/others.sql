-- The rest of the catalog as text, in the form of objects.sql: of what there are few in a database, and what belongs to
-- the whole server. It is read as a whole or not at all, so all of it hangs on object 0.
with scope as (
    select oid, nspname, nspowner, nspacl
    from pg_catalog.pg_namespace
    where nspname not in ('pg_catalog', 'information_schema', 'simulation_db', 'simulation_db_archive', 'supabase_migrations')
        and nspname !~ '^pg_(toast|temp)'
),

member as materialized (
    select classid, objid from pg_catalog.pg_depend where deptype = 'e'
),

acl (name, items) as (
    select 'schema ' || quote_ident(nspname), coalesce(nspacl, acldefault('n', nspowner)) from scope
    union all
    select 'database', coalesce(datacl, acldefault('d', datdba)) from pg_catalog.pg_database where datname = current_database()
    union all
    select 'language ' || quote_ident(lanname), coalesce(lanacl, acldefault('l', lanowner)) from pg_catalog.pg_language
    union all
    select 'foreign data wrapper ' || quote_ident(fdwname), coalesce(fdwacl, acldefault('F', fdwowner)) from pg_catalog.pg_foreign_data_wrapper
    union all
    select 'foreign server ' || quote_ident(srvname), coalesce(srvacl, acldefault('S', srvowner)) from pg_catalog.pg_foreign_server
    union all
    select 'tablespace ' || quote_ident(spcname), coalesce(spcacl, acldefault('t', spcowner)) from pg_catalog.pg_tablespace where oid >= 16384
    union all
    select 'parameter ' || parname, paracl from pg_catalog.pg_parameter_acl
),

acl_text as (
    select
        list, grantee,
        string_agg(privilege_type || case when is_grantable then ' with grant option' else '' end || ' by ' || grantor::regrole, ', ' order by privilege_type, grantor::regrole::text) as privileges
    from (select distinct items::text as list from acl) as each cross join lateral aclexplode(list::aclitem[])
    group by list, grantee
),

entry (key, definition) as (
    select 'schema ' || quote_ident(nspname), 'owner ' || nspowner::regrole from scope
    where not exists (select from member where classid = 'pg_namespace'::regclass and objid = scope.oid)
    union all
    select
        format('grants on %s to %s', name, case grantee when 0 then 'public' else grantee::regrole::text end),
        string_agg(privileges, ', ' order by privileges)
    from acl inner join acl_text on acl_text.list = acl.items::text
    group by name, grantee
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
    where (d.defaclnamespace = 0 or d.defaclnamespace in (select oid from scope))

    union all
    select
        'role ' || quote_ident(rolname),
        (to_jsonb(pg_roles) - 'oid' - 'rolname' - 'rolpassword' - 'rolconfig' - 'rolvaliduntil')::text || coalesce(' until ' || nullif(rolvaliduntil, 'infinity'), '')
    from pg_catalog.pg_roles where rolname !~ '^pg_'
    union all
    select
        format('membership of %s in %s', m.member::regrole, m.roleid::regrole),
        string_agg((to_jsonb(m) - 'oid' - 'roleid' - 'member' - 'grantor')::text || ' by ' || m.grantor::regrole, ', ' order by m.grantor::regrole::text)
    from pg_catalog.pg_auth_members as m
    group by m.member, m.roleid
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
    select 'connection limit of the database', datconnlimit::text
    from pg_catalog.pg_database where datname = current_database() and datconnlimit <> -1

    union all
    select 'extension ' || quote_ident(e.extname), format('version %s in schema %I', e.extversion, n.nspname)
    from pg_catalog.pg_extension as e inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
    union all
    select 'publication ' || quote_ident(pubname), (to_jsonb(p) - 'oid' - 'pubname' - 'pubowner')::text || ' owner ' || pubowner::regrole
    from pg_catalog.pg_publication as p
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

select e.key, coalesce(e.definition, '') as definition, 0::oid as object from entry as e
