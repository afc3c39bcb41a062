-- The function is there, with a fixed search_path, and no role of the API may call it.
do $$
declare
    found pg_proc;
    called_by text;
begin
    select * into found from pg_proc where oid = to_regprocedure('public.handle_updated_at()');
    if found.oid is null then
        raise exception 'function public.handle_updated_at() is missing';
    end if;
    if found.prorettype <> 'trigger'::regtype then
        raise exception 'function public.handle_updated_at() is no trigger function';
    end if;
    if not coalesce(found.proconfig @> array['search_path=""'], false) then
        raise exception 'function public.handle_updated_at() has no fixed search_path';
    end if;
    select string_agg(role.name, ', ') into called_by
    from (values ('anon'), ('authenticated'), ('service_role')) as role (name)
    where has_function_privilege(role.name, found.oid, 'execute');
    if called_by is not null then
        raise exception 'function public.handle_updated_at() can be called by %', called_by;
    end if;
end
$$;
