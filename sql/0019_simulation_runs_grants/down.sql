-- Gives PUBLIC and the roles of the API exactly the privileges that up found, so anon reaches simulation_runs again where it did.
revoke all on table public.simulation_runs from public, anon, authenticated, service_role;

do $$
declare
    held record;
begin
    for held in
        select entry.*
        from rows from (
            jsonb_to_recordset(current_setting('simulation_db.found')::jsonb)
                as (role text, privilege text, "column" text, grantable boolean)
        ) with ordinality as entry (role, privilege, column_name, grantable, place)
        -- In their old order, so that a dump reads as before.
        order by entry.place
    loop
        execute format(
            'grant %s %s on table public.simulation_runs to %s %s',
            held.privilege,
            case when held.column_name is not null then format('(%I)', held.column_name) end,
            case when held.role = 'public' then 'public' else quote_ident(held.role) end,
            case when held.grantable then 'with grant option' end
        );
    end loop;
end
$$;
