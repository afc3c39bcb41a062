-- The setting is there, holds one row at most, and is reached only through its functions.
do $$
declare
    reached_by text;
    wanted text;
begin
    if to_regclass('simulation_private.dataset_bucket') is null then
        raise exception 'table simulation_private.dataset_bucket is missing';
    end if;
    select string_agg(needed.name, ', ') into wanted
    from (
        values
            ('dataset_bucket_pkey'), ('dataset_bucket_one_row'), ('dataset_bucket_id_length'), ('dataset_bucket_max_bytes_positive')
    ) as needed (name)
    where not exists (
        select
        from pg_constraint
        where conrelid = 'simulation_private.dataset_bucket'::regclass and conname = needed.name and convalidated
    );
    if wanted is not null then
        raise exception 'simulation_private.dataset_bucket lacks the constraints %', wanted;
    end if;
    if not (select relrowsecurity from pg_class where oid = 'simulation_private.dataset_bucket'::regclass)
        or exists (
            select
            from pg_attribute
            where attrelid = 'simulation_private.dataset_bucket'::regclass and attnum > 0 and not attisdropped and not attnotnull
        ) then
        raise exception 'simulation_private.dataset_bucket lacks row level security or a not null constraint';
    end if;
    select string_agg(role.name, ', ') into reached_by
    from (values ('anon'), ('authenticated'), ('service_role')) as role (name)
    where has_table_privilege(role.name, 'simulation_private.dataset_bucket', 'select, insert, update, delete, truncate');
    if reached_by is not null then
        raise exception 'table simulation_private.dataset_bucket is open to %', reached_by;
    end if;

    foreach wanted in array array[
        'simulation_private.dataset_bucket_id()',
        'simulation_private.fits_dataset_bucket(jsonb)'
    ] loop
        if to_regprocedure(wanted) is null then
            raise exception 'function % is missing', wanted;
        end if;
        if not exists (
            select from pg_proc where oid = to_regprocedure(wanted) and prosecdef and proconfig @> array['search_path=""']
        ) then
            raise exception 'function % is not security definer, or has no fixed search_path', wanted;
        end if;
        if not has_function_privilege('authenticated', wanted, 'execute') then
            raise exception 'authenticated cannot execute %, which the storage policies call', wanted;
        end if;
        -- The other one anon may execute later: policies that keep it out ask for the bucket's id.
        if wanted ~ 'fits_dataset_bucket' and has_function_privilege('anon', wanted, 'execute') then
            raise exception 'anon can execute %', wanted;
        end if;
    end loop;
end
$$;
