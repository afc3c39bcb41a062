-- Checks the old rows of simulation_runs against the new constraints, while reads and writes go on.
alter table public.simulation_runs
    validate constraint simulation_runs_status_known,
    validate constraint simulation_runs_execution_time_not_negative,
    validate constraint simulation_runs_completed_after_start,
    validate constraint simulation_runs_completed_when_final,
    validate constraint simulation_runs_execution_time_when_final,
    validate constraint simulation_runs_config_size,
    validate constraint simulation_runs_results_size,
    validate constraint simulation_runs_error_message_size,
    validate constraint simulation_runs_dataset_id_fkey,
    validate constraint simulation_runs_user_id_fkey;
