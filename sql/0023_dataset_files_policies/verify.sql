-- The eight policies are there for authenticated alone, and row level security is on.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name, ', ') into missing
    from (
        values
            ('dataset_files_owner_read', 'SELECT', 'PERMISSIVE'), ('dataset_files_owner_insert', 'INSERT', 'PERMISSIVE'),
            ('dataset_files_owner_update', 'UPDATE', 'PERMISSIVE'), ('dataset_files_owner_delete', 'DELETE', 'PERMISSIVE'),
            ('dataset_files_owner_only_read', 'SELECT', 'RESTRICTIVE'), ('dataset_files_owner_only_insert', 'INSERT', 'RESTRICTIVE'),
            ('dataset_files_owner_only_update', 'UPDATE', 'RESTRICTIVE'), ('dataset_files_owner_only_delete', 'DELETE', 'RESTRICTIVE')
    ) as wanted (name, command, kind)
    where not exists (
        select
        from pg_policies
        where schemaname = 'storage'
            and tablename = 'objects'
            and policyname = wanted.name
            and cmd = wanted.command
            and permissive = wanted.kind
            and roles = '{authenticated}'
    );
    if missing is not null then
        raise exception 'storage.objects lacks the policies %', missing;
    end if;

    if not (select relrowsecurity from pg_class where oid = 'storage.objects'::regclass) then
        raise exception 'row level security is off on storage.objects';
    end if;
end
$$;
