-- Keeps what must not change of a run: for users whose it is and since when, for all the end that it came to.
create function simulation_private.keep_run_identity() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- Only those who come through the API as a user: services and migrations may mend data.
    if current_user <> 'authenticated' then
        return new;
    end if;
    raise exception using
        errcode = 'insufficient_privilege',
        message = 'id, created_at, user_id and a chosen org_id of a run cannot be changed',
        hint = 'Leave them out of the update, or send the values that the run has.',
        schema = tg_table_schema,
        table = tg_table_name;
end
$$;

revoke all on function simulation_private.keep_run_identity() from public, anon, authenticated, service_role;

comment on function simulation_private.keep_run_identity() is
    'Trigger function. Column privileges would do the same, but refuse every upsert, and hide columns that others add later.';

-- A policy sees the old row or the new one, never both: without this, a member could take a run that their organization
-- shares under no name for themselves, and then delete it or move it out of sight.
create trigger simulation_runs_identity_kept
    before update on public.simulation_runs
    for each row
    when (
        new.id is distinct from old.id
        or new.created_at is distinct from old.created_at
        or new.user_id is distinct from old.user_id
        or (old.org_id is not null and new.org_id is distinct from old.org_id)
    )
    execute function simulation_private.keep_run_identity();

comment on trigger simulation_runs_identity_kept on public.simulation_runs is
    'authenticated may send these back, but not change them; a run of a user alone may be given to an organization, once.';

create function simulation_private.keep_run_status() returns trigger
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

revoke all on function simulation_private.keep_run_status() from public, anon, authenticated, service_role;

comment on function simulation_private.keep_run_status() is
    'Trigger function: a final status is final, and has a completed_at. A check constraint could not compare with the old row.';

create trigger simulation_runs_status_kept
    before insert or update of status on public.simulation_runs
    for each row
    execute function simulation_private.keep_run_status();

comment on trigger simulation_runs_status_kept on public.simulation_runs is
    'running becomes completed, failed or cancelled, and stays so. Where completed_at is left out then, it is now.';
