-- No data is lost; where row level security was off before, it is off again.
do $$
begin
    if not (current_setting('simulation_db.found')::jsonb -> 'row_security')::boolean then
        alter table public.simulation_runs disable row level security;
    end if;
end
$$;

drop policy simulation_runs_honest_update on public.simulation_runs;
drop policy simulation_runs_honest_insert on public.simulation_runs;
drop policy simulation_runs_owner_delete on public.simulation_runs;
drop policy simulation_runs_member_update on public.simulation_runs;
drop policy simulation_runs_member_insert on public.simulation_runs;
drop policy simulation_runs_member_read on public.simulation_runs;
