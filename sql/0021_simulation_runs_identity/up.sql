-- Keeps users from changing the id and the creation time of a run.
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
        message = 'id and created_at of a run cannot be changed',
        hint = 'Leave them out of the update, or send the values that the run has.',
        schema = tg_table_schema,
        table = tg_table_name;
end
$$;

revoke all on function simulation_private.keep_run_identity() from public, anon, authenticated, service_role;

comment on function simulation_private.keep_run_identity() is
    'Trigger function. Column privileges would do the same, but refuse every upsert, and hide columns that others add later.';

create trigger simulation_runs_identity_kept
    before update on public.simulation_runs
    for each row
    when (new.id is distinct from old.id or new.created_at is distinct from old.created_at)
    execute function simulation_private.keep_run_identity();

comment on trigger simulation_runs_identity_kept on public.simulation_runs is
    'authenticated may send id and created_at back, but not change them.';
