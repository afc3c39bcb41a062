-- Takes from anon and PUBLIC what they would get on everything that postgres creates in public from now on.
select
    set_config(
        'simulation_db.found',
        (
            select
                coalesce(
                    jsonb_agg(
                        jsonb_build_object(
                            'schema', place.schema,
                            'objects', kind.objects,
                            'role', coalesce(grantee.rolname, 'public'),
                            'privilege', acl.privilege_type,
                            'grantable', acl.is_grantable
                        )
                    ),
                    '[]'
                )::text
            from (values (null, 0::oid), ('public', 'public'::regnamespace::oid)) as place (schema, id)
            cross join (values ('r', 'tables'), ('S', 'sequences'), ('f', 'functions')) as kind (code, objects)
            left join pg_default_acl as stored
                on stored.defaclrole = 'postgres'::regrole
                and stored.defaclnamespace = place.id
                and stored.defaclobjtype = kind.code::"char"
            -- Without a row, PostgreSQL's built-in default rules: execute on functions to PUBLIC.
            cross join lateral aclexplode(
                case
                    when stored.oid is not null then stored.defaclacl
                    when place.id = 0 then acldefault(case kind.code when 'S' then 's' else kind.code end::"char", 'postgres'::regrole)
                end
            ) as acl
            left join pg_roles as grantee on grantee.oid = acl.grantee
            where acl.grantee = 0 or grantee.rolname = 'anon'
        ),
        false
    );

alter default privileges for role postgres in schema public revoke all on tables from anon, public;
alter default privileges for role postgres in schema public revoke all on sequences from anon, public;
alter default privileges for role postgres in schema public revoke all on functions from anon, public;

-- A privilege that a role has in every schema cannot be taken away in one: execute to PUBLIC is of that kind.
alter default privileges for role postgres revoke all on tables from anon, public;
alter default privileges for role postgres revoke all on sequences from anon, public;
alter default privileges for role postgres revoke all on functions from anon, public;
