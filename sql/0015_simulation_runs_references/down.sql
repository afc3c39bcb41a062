-- No data is lost.
alter table public.simulation_runs
    drop constraint simulation_runs_user_id_fkey,
    drop constraint simulation_runs_dataset_id_fkey;
