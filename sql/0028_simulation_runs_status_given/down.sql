-- Nothing is lost.
drop trigger simulation_runs_status_given on public.simulation_runs;
drop function simulation_private.give_run_status();
