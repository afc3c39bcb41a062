-- Keeps updated_at of simulation_runs.
create trigger handle_simulation_runs_updated_at
    before update on public.simulation_runs
    for each row
    execute function public.handle_updated_at();
