-- Both functions are there, immutable, and executable for those who write datasets.
do $$
declare
    wanted text;
begin
    foreach wanted in array array[
        'simulation_private.is_safe_object_name(text)',
        'simulation_private.is_dataset_schema(jsonb, integer)'
    ] loop
        if to_regprocedure(wanted) is null then
            raise exception 'function % is missing', wanted;
        end if;
        if (select provolatile from pg_proc where oid = to_regprocedure(wanted)) <> 'i' then
            raise exception 'function % is not immutable, but a constraint calls it', wanted;
        end if;
        if not has_function_privilege('authenticated', wanted, 'execute')
            or not has_function_privilege('service_role', wanted, 'execute') then
            raise exception 'authenticated and service_role cannot both execute %, which a constraint calls', wanted;
        end if;
        if has_function_privilege('anon', wanted, 'execute') then
            raise exception 'anon can execute %', wanted;
        end if;
    end loop;
end
$$;
