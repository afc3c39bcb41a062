-- Lets a run belong to a user alone: org_id may be null.
do $$
declare
    required boolean;
begin
    select attnotnull into strict required
    from pg_attribute
    where attrelid = 'public.simulation_runs'::regclass and attname = 'org_id';

    perform set_config('simulation_db.found', jsonb_build_object('required', required)::text, false);
    if required then
        alter table public.simulation_runs alter column org_id drop not null;
    end if;
end
$$;
