-- No data is lost.
drop index concurrently public.idx_sim_runs_org_id;
drop index concurrently public.idx_sim_runs_status;
drop index concurrently public.idx_sim_runs_dataset_id;
drop index concurrently public.idx_sim_runs_user_id;
