-- archive-rows: public.simulation_runs where org_id is null and (current_setting('simulation_db.found')::jsonb -> 'required')::boolean
-- Makes org_id required again where it was; runs without an organization are kept in the archive until the next up.
do $$
begin
    if not (current_setting('simulation_db.found')::jsonb -> 'required')::boolean then
        return;
    end if;

    -- Reads the table once under its lock. A validated check would spare that, but not inside one transaction:
    -- adding the check takes the same lock and keeps it.
    alter table public.simulation_runs alter column org_id set not null;
end
$$;
