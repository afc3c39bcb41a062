-- Keeps the end of a run that is final: completed_at cannot be taken away any more.
create function simulation_private.keep_run_end() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- The owner of the table may mend what went wrong.
    if pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'usage') then
        return new;
    end if;
    raise exception using
        errcode = 'check_violation',
        message = format('completed_at of a run that is %s cannot be taken away', old.status),
        hint = 'Leave it out of the update, or send the value that the run has.',
        schema = tg_table_schema,
        table = tg_table_name,
        column = 'completed_at',
        constraint = 'simulation_runs_end_kept';
end
$$;

revoke all on function simulation_private.keep_run_end() from public, anon, authenticated, service_role;

comment on function simulation_private.keep_run_end() is
    'Trigger function. simulation_runs_status_kept fills completed_at in where a run becomes final, and looks at it then only.';

-- What becomes of another status, simulation_runs_status_kept says.
create trigger simulation_runs_end_kept
    before update on public.simulation_runs
    for each row
    when (
        old.status in ('completed', 'failed', 'cancelled')
        and new.status = old.status
        and old.completed_at is not null
        and new.completed_at is null
    )
    execute function simulation_private.keep_run_end();

comment on trigger simulation_runs_end_kept on public.simulation_runs is
    'Runs that are older than the column stay without an end: nobody knows it.';
