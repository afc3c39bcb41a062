-- No constraint of simulation_runs is unproven.
do $$
declare
    unproven text;
begin
    select string_agg(wanted.name, ', ') into unproven
    from (
        values
            ('simulation_runs_status_known'), ('simulation_runs_execution_time_not_negative'),
            ('simulation_runs_completed_after_start'), ('simulation_runs_completed_when_final'),
            ('simulation_runs_execution_time_when_final'), ('simulation_runs_config_size'),
            ('simulation_runs_results_size'), ('simulation_runs_error_message_size'),
            ('simulation_runs_dataset_id_fkey'), ('simulation_runs_user_id_fkey')
    ) as wanted (name)
    where not exists (
        select
        from pg_constraint
        where conrelid = 'public.simulation_runs'::regclass and conname = wanted.name and convalidated
    );
    if unproven is not null then
        raise exception 'public.simulation_runs lacks or has not validated %', unproven;
    end if;
end
$$;
