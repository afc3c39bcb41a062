-- The five policies are there, each for its one role, and the upload service may execute what the constraints call.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name, ', ') into missing
    from (
        values
            ('datasets', 'datasets_service_read', 'SELECT', 'dataset_service'),
            ('datasets', 'datasets_service_insert', 'INSERT', 'dataset_service'),
            ('datasets', 'datasets_service_update', 'UPDATE', 'dataset_service'),
            ('datasets', 'datasets_reader_read', 'SELECT', 'simulation_reader'),
            ('simulation_runs', 'simulation_runs_reader_read', 'SELECT', 'simulation_reader')
    ) as wanted (table_name, name, command, role)
    where not exists (
        select
        from pg_policies
        where schemaname = 'public'
            and tablename = wanted.table_name
            and policyname = wanted.name
            and cmd = wanted.command
            and roles = array[wanted.role]::name[]
            and permissive = 'PERMISSIVE'
    );
    if missing is not null then
        raise exception 'the policies for the services are missing: %', missing;
    end if;

    if not has_function_privilege('dataset_service', 'simulation_private.is_safe_object_name(text)', 'execute')
        or not has_function_privilege('dataset_service', 'simulation_private.is_dataset_schema(jsonb, integer)', 'execute') then
        raise exception 'dataset_service cannot execute the functions that the constraints of public.datasets call';
    end if;
end
$$;
