-- Asks of a changed run what has changed, so that a member may finish one on a dataset that only a colleague can see.
-- A policy sees the old row or the new one, never both. So whose name and which dataset a run may get is held by triggers;
-- the restrictive policy holds whose run it is: of an organization of the caller, or of nobody else alone.
create or replace function simulation_private.keep_run_identity() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- Whom the policies bind: who comes through the API as a user, also in a role of its own that includes authenticated.
    -- Services and migrations may mend data.
    if not row_security_active(tg_relid) or not pg_has_role(current_user, 'authenticated', 'usage') then
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

create function simulation_private.keep_run_dataset_seen() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if not row_security_active(tg_relid) or not pg_has_role(current_user, 'authenticated', 'usage') then
        return new;
    end if;
    -- As the caller, under the policies of datasets: what the caller cannot see does not exist for them.
    if exists (select from public.datasets as dataset where dataset.id = new.dataset_id) then
        return new;
    end if;
    raise exception using
        errcode = 'insufficient_privilege',
        message = 'dataset_id of a run cannot be changed to a dataset that the caller does not see',
        hint = 'Leave it out of the update, or send the value that the run has.',
        schema = tg_table_schema,
        table = tg_table_name,
        column = 'dataset_id';
end
$$;

revoke all on function simulation_private.keep_run_dataset_seen() from public, anon, authenticated, service_role;

comment on function simulation_private.keep_run_dataset_seen() is
    'Trigger function: a foreign key ignores row level security, so without it a run would tell which datasets there are.';

create trigger simulation_runs_dataset_seen
    before update on public.simulation_runs
    for each row
    when (new.dataset_id is not null and new.dataset_id is distinct from old.dataset_id)
    execute function simulation_private.keep_run_dataset_seen();

comment on trigger simulation_runs_dataset_seen on public.simulation_runs is
    'A dataset that a run has may be sent back by whoever may change the run; another must be one that the caller can see.';

-- Last, so that no moment is without one of the two.
alter policy simulation_runs_honest_update on public.simulation_runs
    using (org_id is not null or user_id is null or user_id = (select auth.uid()))
    with check (org_id is null or org_id = any (array(select active.org_id from simulation_private.active_organizations as active)));

comment on policy simulation_runs_honest_update on public.simulation_runs is
    'No run of another user alone is changed, and none of a foreign organization. Triggers keep its name, and its dataset from what the caller cannot see.';
