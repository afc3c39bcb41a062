-- The four policies are there, for authenticated alone.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name, ', ') into missing
    from (
        values
            ('datasets_owner_read', 'SELECT'), ('datasets_owner_insert', 'INSERT'),
            ('datasets_owner_update', 'UPDATE'), ('datasets_owner_delete', 'DELETE')
    ) as wanted (name, command)
    where not exists (
        select
        from pg_policies
        where schemaname = 'public'
            and tablename = 'datasets'
            and policyname = wanted.name
            and cmd = wanted.command
            and roles = '{authenticated}'
            and permissive = 'PERMISSIVE'
    );
    if missing is not null then
        raise exception 'public.datasets lacks the policies %', missing;
    end if;
end
$$;
