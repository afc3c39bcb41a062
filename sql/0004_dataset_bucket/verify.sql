-- The setting is there, holds one row at most, and is reached only through its function.
do $$
declare
    reached_by text;
begin
    if to_regclass('simulation_private.dataset_bucket') is null then
        raise exception 'table simulation_private.dataset_bucket is missing';
    end if;
    if not exists (
        select
        from pg_constraint
        where conrelid = 'simulation_private.dataset_bucket'::regclass and conname = 'dataset_bucket_one_row' and convalidated
    ) then
        raise exception 'constraint dataset_bucket_one_row is missing';
    end if;
    select string_agg(role.name, ', ') into reached_by
    from (values ('anon'), ('authenticated'), ('service_role')) as role (name)
    where has_table_privilege(role.name, 'simulation_private.dataset_bucket', 'select, insert, update, delete, truncate');
    if reached_by is not null then
        raise exception 'table simulation_private.dataset_bucket is open to %', reached_by;
    end if;

    if to_regprocedure('simulation_private.dataset_bucket_id()') is null then
        raise exception 'function simulation_private.dataset_bucket_id() is missing';
    end if;
    if not has_function_privilege('authenticated', 'simulation_private.dataset_bucket_id()', 'execute') then
        raise exception 'authenticated cannot execute simulation_private.dataset_bucket_id(), which the storage policies call';
    end if;
    if has_function_privilege('anon', 'simulation_private.dataset_bucket_id()', 'execute') then
        raise exception 'anon can execute simulation_private.dataset_bucket_id()';
    end if;
end
$$;
