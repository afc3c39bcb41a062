-- Checks what is written to simulation_runs from now on; old rows are not read.
alter table public.simulation_runs
    add constraint simulation_runs_status_known
        check (status in ('running', 'completed', 'failed', 'cancelled')) not valid,
    add constraint simulation_runs_execution_time_not_negative
        check (execution_time_ms >= 0) not valid,
    add constraint simulation_runs_completed_after_start
        check (completed_at >= started_at) not valid,
    add constraint simulation_runs_completed_when_final
        check (completed_at is null or status in ('completed', 'failed', 'cancelled')) not valid,
    add constraint simulation_runs_execution_time_when_final
        check (execution_time_ms is null or status in ('completed', 'failed', 'cancelled')) not valid,
    add constraint simulation_runs_config_size
        check (pg_column_size(config_json) <= 1048576) not valid,
    add constraint simulation_runs_results_size
        check (pg_column_size(results_json) <= 16777216) not valid,
    add constraint simulation_runs_error_message_size
        check (octet_length(error_message) <= 65536) not valid;

-- Sizes are measured as stored: each update of a run checks them again, and this way a large value is not read for it.
comment on constraint simulation_runs_config_size on public.simulation_runs is 'At most 1 MiB, measured as stored.';
comment on constraint simulation_runs_results_size on public.simulation_runs is 'At most 16 MiB, measured as stored.';
