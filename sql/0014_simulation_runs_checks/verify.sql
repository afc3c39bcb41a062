-- The eight checks are there, validated or not.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name, ', ') into missing
    from (
        values
            ('simulation_runs_status_known'), ('simulation_runs_execution_time_not_negative'),
            ('simulation_runs_completed_after_start'), ('simulation_runs_completed_when_final'),
            ('simulation_runs_execution_time_when_final'), ('simulation_runs_config_size'),
            ('simulation_runs_results_size'), ('simulation_runs_error_message_size')
    ) as wanted (name)
    where not exists (
        select
        from pg_constraint
        where conrelid = 'public.simulation_runs'::regclass and conname = wanted.name and contype = 'c'
    );
    if missing is not null then
        raise exception 'public.simulation_runs lacks the checks %', missing;
    end if;
end
$$;
