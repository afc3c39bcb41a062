-- archive-rows: public.simulation_runs where org_id is null and not (current_setting('simulation_db.found')::jsonb -> 'row_security')::boolean and (select (found -> 'required')::boolean from simulation_db.migration where version = '0011')
-- Where row level security was off before, it is off again; runs without an organization are kept in the archive until the next up.
-- Everybody with a privilege could read them otherwise, down to 0011 and on the next way up from there. Where org_id was
-- optional before, the project had such runs in an open table, and they stay.
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
