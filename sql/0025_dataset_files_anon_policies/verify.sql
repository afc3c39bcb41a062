-- The four policies are there for anon alone, and anon can execute what they call.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name, ', ') into missing
    from (
        values
            ('dataset_files_anon_no_read', 'SELECT'), ('dataset_files_anon_no_insert', 'INSERT'),
            ('dataset_files_anon_no_update', 'UPDATE'), ('dataset_files_anon_no_delete', 'DELETE')
    ) as wanted (name, command)
    where not exists (
        select
        from pg_policies
        where schemaname = 'storage'
            and tablename = 'objects'
            and policyname = wanted.name
            and cmd = wanted.command
            and permissive = 'RESTRICTIVE'
            and roles = '{anon}'
    );
    if missing is not null then
        raise exception 'storage.objects lacks the policies %', missing;
    end if;

    if not has_function_privilege('anon', 'simulation_private.dataset_bucket_id()', 'execute') then
        raise exception 'anon cannot execute simulation_private.dataset_bucket_id(), which the storage policies call';
    end if;
end
$$;
