-- The trigger is there, enabled, and calls its function; the policy leaves to it which dataset a run may get.
do $$
begin
    if not exists (
        select
        from pg_trigger
        where tgrelid = 'public.simulation_runs'::regclass
            and tgname = 'simulation_runs_dataset_seen'
            and tgfoid = to_regprocedure('simulation_private.keep_run_dataset_seen()')
            and tgenabled = 'O'
    ) then
        raise exception 'trigger simulation_runs_dataset_seen of public.simulation_runs or its function is missing or disabled';
    end if;

    if exists (
        select
        from pg_policies
        where schemaname = 'public'
            and tablename = 'simulation_runs'
            and policyname = 'simulation_runs_honest_update'
            and (with_check ~ 'dataset_id' or qual = 'true')
    ) then
        raise exception 'policy simulation_runs_honest_update asks for the dataset of the new row, or lets every old row through';
    end if;
end
$$;
