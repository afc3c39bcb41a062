-- The trigger is there, enabled, and calls its function.
do $$
begin
    if not exists (
        select
        from pg_trigger
        where tgrelid = 'public.simulation_runs'::regclass
            and tgname = 'simulation_runs_end_kept'
            and tgfoid = to_regprocedure('simulation_private.keep_run_end()')
            and tgenabled = 'O'
    ) then
        raise exception 'trigger simulation_runs_end_kept of public.simulation_runs or its function is missing or disabled';
    end if;
end
$$;
