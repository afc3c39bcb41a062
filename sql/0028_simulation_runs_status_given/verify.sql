-- The trigger is there, enabled, and calls its function.
do $$
begin
    if not exists (
        select
        from pg_trigger
        where tgrelid = 'public.simulation_runs'::regclass
            and tgname = 'simulation_runs_status_given'
            and tgfoid = to_regprocedure('simulation_private.give_run_status()')
            and tgenabled = 'O'
    ) then
        raise exception 'trigger simulation_runs_status_given of public.simulation_runs or its function is missing or disabled';
    end if;
end
$$;
