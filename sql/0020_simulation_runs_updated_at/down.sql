-- Nothing is lost: updated_at keeps its last values.
drop trigger handle_simulation_runs_updated_at on public.simulation_runs;
