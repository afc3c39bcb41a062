-- Closes simulation_runs to anon, and gives authenticated and service_role what the policies speak of and no more.
select
    set_config(
        'simulation_db.found',
        (
            select
                coalesce(
                    jsonb_agg(
                        jsonb_build_object(
                            'role', coalesce(grantee.rolname, 'public'),
                            'privilege', acl.privilege_type,
                            'column', granted.column_name,
                            'grantable', acl.is_grantable
                        )
                        order by granted.place, acl.place
                    ),
                    '[]'
                )::text
            from pg_class as run
            cross join lateral (
                select 0 as place, null::name as column_name, coalesce(run.relacl, acldefault('r', run.relowner)) as acl
                union all
                select attnum, attname, attacl from pg_attribute where attrelid = run.oid and not attisdropped
            ) as granted
            cross join lateral
                aclexplode(granted.acl) with ordinality as acl (grantor, grantee, privilege_type, is_grantable, place)
            left join pg_roles as grantee on grantee.oid = acl.grantee
            where run.oid = 'public.simulation_runs'::regclass
                and acl.grantor = run.relowner
                and (acl.grantee = 0 or grantee.rolname in ('anon', 'authenticated', 'service_role'))
        ),
        false
    );

revoke all on table public.simulation_runs from public, anon;
-- Row level security does not bind these: truncate empties the table, a foreign key tells which ids exist.
revoke truncate, references, trigger on table public.simulation_runs from authenticated;
do $$
begin
    if current_setting('server_version_num')::integer >= 170000 then
        revoke maintain on table public.simulation_runs from authenticated;
    end if;
end
$$;

grant select, insert, update, delete on table public.simulation_runs to authenticated, service_role;
