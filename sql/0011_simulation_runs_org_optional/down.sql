-- archive-rows: public.simulation_runs where org_id is null and (current_setting('simulation_db.found')::jsonb -> 'required')::boolean
-- Makes org_id required again where it was; runs without an organization are kept in the archive until the next up.
do $$
begin
    if not (current_setting('simulation_db.found')::jsonb -> 'required')::boolean then
        return;
    end if;

    -- A large table is not read again: the guard of archive-rows, validated by now, says that there is nothing to find.
    alter table public.simulation_runs alter column org_id set not null;
end
$$;
