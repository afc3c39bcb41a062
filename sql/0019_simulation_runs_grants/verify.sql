-- anon and PUBLIC hold nothing, authenticated and service_role the four verbs, authenticated no more than these.
do $$
declare
    open_to text;
    excess text;
begin
    select
        string_agg(distinct coalesce(grantee.rolname, 'public'), ', ') filter (where acl.grantee = 0 or grantee.rolname = 'anon'),
        string_agg(distinct acl.privilege_type, ', ') filter (
            where grantee.rolname = 'authenticated' and acl.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        )
    into open_to, excess
    from pg_class as run
    cross join lateral (
        select run.relacl as acl
        union all
        select attacl from pg_attribute where attrelid = run.oid and not attisdropped
    ) as granted
    cross join lateral aclexplode(granted.acl) as acl
    left join pg_roles as grantee on grantee.oid = acl.grantee
    where run.oid = 'public.simulation_runs'::regclass;
    if open_to is not null then
        raise exception 'public.simulation_runs is open to %', open_to;
    end if;
    if excess is not null then
        raise exception 'authenticated has % on public.simulation_runs, which row level security does not bind', excess;
    end if;

    if exists (
        select
        from (values ('authenticated'), ('service_role')) as receiver (role)
        cross join (values ('select'), ('insert'), ('update'), ('delete')) as wanted (privilege)
        where not has_table_privilege(receiver.role, 'public.simulation_runs', wanted.privilege)
    ) then
        raise exception 'authenticated or service_role lacks select, insert, update or delete on public.simulation_runs';
    end if;
end
$$;
