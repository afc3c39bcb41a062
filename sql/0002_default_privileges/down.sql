-- Gives anon and PUBLIC back exactly the default privileges that up took. What was created in between keeps its own.
do $$
declare
    taken record;
begin
    for taken in
        select *
        from jsonb_to_recordset(current_setting('simulation_db.found')::jsonb)
            as entry (schema text, objects text, role text, privilege text, grantable boolean)
    loop
        execute format(
            'alter default privileges for role postgres %s grant %s on %s to %s %s',
            case when taken.schema is not null then format('in schema %I', taken.schema) end,
            taken.privilege,
            taken.objects,
            case when taken.role = 'public' then 'public' else quote_ident(taken.role) end,
            case when taken.grantable then 'with grant option' end
        );
    end loop;
end
$$;
