-- Nothing is lost; an upsert of a run that is there can again start it or move its end by a null.
create or replace function simulation_private.keep_run_status() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if tg_op = 'UPDATE' then
        if new.status is not distinct from old.status then
            return new;
        end if;
        -- The owner of the table may mend what went wrong; deleting a user or a dataset changes no status.
        if (old.status in ('completed', 'failed', 'cancelled') or new.status is null)
            and not pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'usage') then
            raise exception using
                errcode = 'check_violation',
                message = format('a run that is %s cannot become %s', old.status, coalesce(new.status, 'one without a status')),
                hint = 'running becomes completed, failed or cancelled, and stays so: start another run instead.',
                schema = tg_table_schema,
                table = tg_table_name,
                column = 'status',
                constraint = 'simulation_runs_status_kept';
        end if;
    end if;
    if new.status in ('completed', 'failed', 'cancelled') and new.completed_at is null then
        new.completed_at := greatest(now(), new.started_at);
    end if;
    return new;
end
$$;

create or replace function simulation_private.give_run_status() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- Only where leaving it out means the same: a project that had the column before may start runs without one.
    -- The owner of the table may bring older runs in.
    if not pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'usage')
        and exists (
            select
            from pg_attribute
            join pg_attrdef on adrelid = attrelid and adnum = attnum
            where attrelid = tg_relid and attname = 'status' and pg_get_expr(adbin, adrelid) = '''running''::text'
        ) then
        new.status := 'running';
    end if;
    return new;
end
$$;
