-- The six policies are there for authenticated alone, row level security is on, and the index is there that the read policy needs.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name, ', ') into missing
    from (
        values
            ('simulation_runs_member_read', 'SELECT', 'PERMISSIVE'), ('simulation_runs_member_insert', 'INSERT', 'PERMISSIVE'),
            ('simulation_runs_member_update', 'UPDATE', 'PERMISSIVE'), ('simulation_runs_owner_delete', 'DELETE', 'PERMISSIVE'),
            ('simulation_runs_honest_insert', 'INSERT', 'RESTRICTIVE'), ('simulation_runs_honest_update', 'UPDATE', 'RESTRICTIVE')
    ) as wanted (name, command, kind)
    where not exists (
        select
        from pg_policies
        where schemaname = 'public'
            and tablename = 'simulation_runs'
            and policyname = wanted.name
            and cmd = wanted.command
            and permissive = wanted.kind
            and roles = '{authenticated}'
    );
    if missing is not null then
        raise exception 'public.simulation_runs lacks the policies %', missing;
    end if;

    if not (select relrowsecurity from pg_class where oid = 'public.simulation_runs'::regclass) then
        raise exception 'row level security is off on public.simulation_runs';
    end if;

    -- Without it, a caller in many organizations waits seconds where milliseconds are due.
    if not exists (
        select
        from pg_index
        join pg_attribute on attrelid = indrelid and attnum = indkey[0]
        where indrelid = 'public.simulation_runs'::regclass and attname = 'org_id' and indisvalid and indpred is null
    ) then
        raise exception 'public.simulation_runs has no index that begins with org_id, which the read policy needs';
    end if;
end
$$;
