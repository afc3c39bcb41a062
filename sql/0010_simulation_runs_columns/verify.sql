-- All columns are there with their types.
do $$
declare
    missing text;
begin
    select string_agg(wanted.name || ' ' || wanted.type, ', ') into missing
    from (
        values
            ('dataset_id', 'uuid'), ('user_id', 'uuid'), ('config_json', 'jsonb'), ('results_json', 'jsonb'),
            ('status', 'text'), ('started_at', 'timestamp with time zone'), ('completed_at', 'timestamp with time zone'),
            ('error_message', 'text'), ('execution_time_ms', 'integer'), ('updated_at', 'timestamp with time zone')
    ) as wanted (name, type)
    where not exists (
        select
        from pg_attribute
        where attrelid = 'public.simulation_runs'::regclass
            and attname = wanted.name
            and not attisdropped
            and format_type(atttypid, atttypmod) = wanted.type
    );
    if missing is not null then
        raise exception 'public.simulation_runs lacks or has otherwise: %', missing;
    end if;
end
$$;
