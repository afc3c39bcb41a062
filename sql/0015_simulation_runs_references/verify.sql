-- Both foreign keys are there, with "on delete set null", validated or not.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name, ', ') into missing
    from (
        values ('simulation_runs_dataset_id_fkey', 'public.datasets'), ('simulation_runs_user_id_fkey', 'auth.users')
    ) as wanted (name, target)
    where not exists (
        select
        from pg_constraint
        where conrelid = 'public.simulation_runs'::regclass
            and conname = wanted.name
            and confrelid = to_regclass(wanted.target)
            and confdeltype = 'n'
    );
    if missing is not null then
        raise exception 'public.simulation_runs lacks the foreign keys %', missing;
    end if;
end
$$;
