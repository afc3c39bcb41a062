-- No data is lost.
alter table public.simulation_runs
    drop constraint simulation_runs_error_message_size,
    drop constraint simulation_runs_results_size,
    drop constraint simulation_runs_config_size,
    drop constraint simulation_runs_execution_time_when_final,
    drop constraint simulation_runs_completed_when_final,
    drop constraint simulation_runs_completed_after_start,
    drop constraint simulation_runs_execution_time_not_negative,
    drop constraint simulation_runs_status_known;
