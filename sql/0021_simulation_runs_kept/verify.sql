-- Both triggers are there, enabled, and call their functions.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name, ', ') into missing
    from (
        values
            ('simulation_runs_identity_kept', 'simulation_private.keep_run_identity()'),
            ('simulation_runs_status_kept', 'simulation_private.keep_run_status()')
    ) as wanted (name, function)
    where not exists (
        select
        from pg_trigger
        where tgrelid = 'public.simulation_runs'::regclass
            and tgname = wanted.name
            and tgfoid = to_regprocedure(wanted.function)
            and tgenabled = 'O'
    );
    if missing is not null then
        raise exception 'triggers of public.simulation_runs or their functions are missing or disabled: %', missing;
    end if;
end
$$;
