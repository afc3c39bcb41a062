-- Fills in the status and the end of new runs only, so that an upsert of a run that is there changes them by no null.
-- A trigger before insert also sees what an upsert proposes for a run that is there, and what it fills in would be taken
-- over. It looks as the caller, who upserts no run that they cannot see or change. An upsert by another key than the id,
-- which would be a project's own, is still taken for a new run.
create or replace function simulation_private.give_run_status() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- Only where leaving it out means the same: a project that had the column before may start runs without one.
    -- The owner of the table may bring older runs in.
    if pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'usage')
        or not exists (
            select
            from pg_attribute
            join pg_attrdef on adrelid = attrelid and adnum = attnum
            where attrelid = tg_relid and attname = 'status' and pg_get_expr(adbin, adrelid) = '''running''::text'
        ) then
        return new;
    end if;
    -- Whoever may not read ids and change runs upserts none, and could not look. Locked, because a run that is deleted
    -- meanwhile would let this one in as it was sent.
    if has_column_privilege(tg_relid, 'id', 'select') and has_any_column_privilege(tg_relid, 'update') then
        perform from public.simulation_runs as run where run.id = new.id for update;
        if found then
            return new;
        end if;
    end if;
    new.status := 'running';
    return new;
end
$$;

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
        if tg_op = 'INSERT' then
            -- The owner of the table may bring older runs in.
            if pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'usage') then
                return new;
            end if;
            -- As give_run_status looks.
            if has_column_privilege(tg_relid, 'id', 'select') and has_any_column_privilege(tg_relid, 'update') then
                perform from public.simulation_runs as run where run.id = new.id for update;
                if found then
                    return new;
                end if;
            end if;
        end if;
        new.completed_at := greatest(now(), new.started_at);
    end if;
    return new;
end
$$;
