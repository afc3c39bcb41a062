-- Adds to simulation_runs the columns of the plan that it does not have yet, and updated_at.
do $$
declare
    planned record;
    created jsonb := '[]';
begin
    for planned in
        select *
        from (
            values
                (1, 'dataset_id', 'uuid', null, 'The dataset that the run reads. Null: none, or it was deleted.'),
                (2, 'user_id', 'uuid', null, 'Who started the run. Null: nobody in particular, or the user was deleted.'),
                (3, 'config_json', 'jsonb', null, 'Parameters of the simulation.'),
                (4, 'results_json', 'jsonb', null, 'Performance and fairness metrics.'),
                (5, 'status', 'text', '''running''', 'running, completed, failed or cancelled. Null: the run is older than this column.'),
                (6, 'started_at', 'timestamptz', 'now()', 'Null: the run is older than this column.'),
                (7, 'completed_at', 'timestamptz', null, 'When the run reached its final status.'),
                (8, 'error_message', 'text', null, 'Why the run failed.'),
                (9, 'execution_time_ms', 'integer', null, null),
                (10, 'updated_at', 'timestamptz', 'now()', 'Kept by a trigger. Null: not changed since this column exists.')
        ) as wanted (place, name, type, default_value, meaning)
        where not exists (
            select
            from pg_attribute
            where attrelid = 'public.simulation_runs'::regclass and attname = wanted.name and not attisdropped
        )
        order by wanted.place
    loop
        execute format('alter table public.simulation_runs add column %I %s', planned.name, planned.type);
        -- Set afterwards, a default holds for new rows only: old ones keep null, and no row is written.
        if planned.default_value is not null then
            execute format('alter table public.simulation_runs alter column %I set default %s', planned.name, planned.default_value);
        end if;
        if planned.meaning is not null then
            execute format('comment on column public.simulation_runs.%I is %L', planned.name, planned.meaning);
        end if;
        created := created || to_jsonb(planned.name);
    end loop;
    perform set_config('simulation_db.found', jsonb_build_object('created', created)::text, false);
end
$$;
