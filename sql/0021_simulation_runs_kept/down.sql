-- Nothing is lost.
drop trigger simulation_runs_status_kept on public.simulation_runs;
drop function simulation_private.keep_run_status();
drop trigger simulation_runs_identity_kept on public.simulation_runs;
drop function simulation_private.keep_run_identity();
