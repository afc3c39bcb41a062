-- Starts a run that is sent with a null for its status as one that leaves it out: running.
-- The checks on completed_at and execution_time_ms say nothing of a run without a status, which is for older runs.
create function simulation_private.give_run_status() returns trigger
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

revoke all on function simulation_private.give_run_status() from public, anon, authenticated, service_role;

comment on function simulation_private.give_run_status() is
    'Trigger function. A not null would refuse the runs that are older than the column.';

-- Its name comes before simulation_runs_status_kept, which looks at the status that a run then has.
create trigger simulation_runs_status_given
    before insert on public.simulation_runs
    for each row
    when (new.status is null)
    execute function simulation_private.give_run_status();

comment on trigger simulation_runs_status_given on public.simulation_runs is
    'Null means running where that is the column''s default.';
