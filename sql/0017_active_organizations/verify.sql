-- The function is there, stable, security definer with a fixed search_path, and for authenticated only.
do $$
declare
    found pg_proc;
begin
    select * into found from pg_proc where oid = to_regprocedure('simulation_private.active_organization_ids()');
    if found.oid is null then
        raise exception 'function simulation_private.active_organization_ids() is missing';
    end if;
    if found.prorettype <> 'uuid[]'::regtype or found.provolatile <> 's' or not found.prosecdef
        or not coalesce(found.proconfig @> array['search_path=""'], false) then
        raise exception 'function simulation_private.active_organization_ids() is another one';
    end if;
    if not has_function_privilege('authenticated', found.oid, 'execute') then
        raise exception 'authenticated cannot execute simulation_private.active_organization_ids(), which policies call';
    end if;
    if has_function_privilege('anon', found.oid, 'execute') then
        raise exception 'anon can execute simulation_private.active_organization_ids()';
    end if;
end
$$;
