-- org_id may be null.
do $$
begin
    if not exists (
        select
        from pg_attribute
        where attrelid = 'public.simulation_runs'::regclass and attname = 'org_id' and not attisdropped and not attnotnull
    ) then
        raise exception 'public.simulation_runs.org_id is missing or still required';
    end if;
end
$$;
