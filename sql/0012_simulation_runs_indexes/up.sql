-- transaction: none
-- Indexes the listings of simulation_runs: by user, dataset, status and organization.
create index concurrently idx_sim_runs_user_id on public.simulation_runs (user_id, created_at desc);
create index concurrently idx_sim_runs_dataset_id on public.simulation_runs (dataset_id);
create index concurrently idx_sim_runs_status on public.simulation_runs (status);

-- The read policy compares org_id with an array: without this index it would search that array once per row.
create index concurrently idx_sim_runs_org_id on public.simulation_runs (org_id, created_at desc);
