-- The trigger is there, enabled, and calls its function.
do $$
begin
    if to_regprocedure('simulation_private.keep_run_identity()') is null then
        raise exception 'function simulation_private.keep_run_identity() is missing';
    end if;
    if not exists (
        select
        from pg_trigger
        where tgrelid = 'public.simulation_runs'::regclass
            and tgname = 'simulation_runs_identity_kept'
            and tgfoid = 'simulation_private.keep_run_identity()'::regprocedure
            and tgenabled = 'O'
    ) then
        raise exception 'trigger simulation_runs_identity_kept on public.simulation_runs is missing or disabled';
    end if;
end
$$;
