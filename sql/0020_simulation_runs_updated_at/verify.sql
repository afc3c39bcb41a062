-- The trigger is there, enabled, and calls its function.
do $$
begin
    if not exists (
        select
        from pg_trigger
        where tgrelid = 'public.simulation_runs'::regclass
            and tgname = 'handle_simulation_runs_updated_at'
            and tgfoid = 'public.handle_updated_at()'::regprocedure
            and tgenabled = 'O'
    ) then
        raise exception 'trigger handle_simulation_runs_updated_at on public.simulation_runs is missing or disabled';
    end if;
end
$$;
