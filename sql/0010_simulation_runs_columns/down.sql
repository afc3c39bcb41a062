-- What the columns hold that up created is lost to the table; columns that were there before stay as they are.
do $$
declare
    name text;
begin
    for name in
        select jsonb_array_elements_text(current_setting('simulation_db.found')::jsonb -> 'created')
    loop
        execute format('alter table public.simulation_runs drop column %I', name);
    end loop;
end
$$;
