-- Nothing is lost.
drop trigger simulation_runs_end_kept on public.simulation_runs;
drop function simulation_private.keep_run_end();
