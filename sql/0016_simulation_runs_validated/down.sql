-- Nothing is lost: a constraint becomes unproven again only by being made anew, so each one is, without reading a row.
alter table public.simulation_runs
    drop constraint simulation_runs_status_known,
    drop constraint simulation_runs_execution_time_not_negative,
    drop constraint simulation_runs_completed_after_start,
    drop constraint simulation_runs_completed_when_final,
    drop constraint simulation_runs_execution_time_when_final,
    drop constraint simulation_runs_config_size,
    drop constraint simulation_runs_results_size,
    drop constraint simulation_runs_error_message_size,
    drop constraint simulation_runs_dataset_id_fkey,
    drop constraint simulation_runs_user_id_fkey,
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
        check (octet_length(error_message) <= 65536) not valid,
    add constraint simulation_runs_dataset_id_fkey
        foreign key (dataset_id) references public.datasets (id) on delete set null not valid,
    add constraint simulation_runs_user_id_fkey
        foreign key (user_id) references auth.users (id) on delete set null not valid;

comment on constraint simulation_runs_config_size on public.simulation_runs is 'At most 1 MiB, measured as stored.';
comment on constraint simulation_runs_results_size on public.simulation_runs is 'At most 16 MiB, measured as stored.';
