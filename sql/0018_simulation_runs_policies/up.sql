-- Lets users reach their own runs and those of their organizations, and switches row level security on.
select
    set_config(
        'simulation_db.found',
        (select jsonb_build_object('row_security', relrowsecurity) from pg_class where oid = 'public.simulation_runs'::regclass)::text,
        false
    );

create policy simulation_runs_member_read on public.simulation_runs
    for select to authenticated
    using (
        user_id = (select auth.uid())
        or org_id = any (array(select active.org_id from simulation_private.active_organizations as active))
    );

create policy simulation_runs_member_insert on public.simulation_runs
    for insert to authenticated
    with check (
        (user_id = (select auth.uid()) or (user_id is null and org_id is not null))
        and (org_id is null or org_id = any (array(select active.org_id from simulation_private.active_organizations as active)))
    );

create policy simulation_runs_member_update on public.simulation_runs
    for update to authenticated
    using (
        (user_id = (select auth.uid()) or (user_id is null and org_id is not null))
        and (org_id is null or org_id = any (array(select active.org_id from simulation_private.active_organizations as active)))
    )
    with check (
        (user_id = (select auth.uid()) or (user_id is null and org_id is not null))
        and (org_id is null or org_id = any (array(select active.org_id from simulation_private.active_organizations as active)))
    );

create policy simulation_runs_owner_delete on public.simulation_runs
    for delete to authenticated
    using (
        user_id = (select auth.uid())
        and (org_id is null or org_id = any (array(select active.org_id from simulation_private.active_organizations as active)))
    );

-- Policies add up: one that the project had before could let a run through under another person's name.
-- These two are restrictive, so they hold whatever the others allow. The look at datasets runs as the caller,
-- under the policies of datasets: what the caller cannot see does not exist for them.
create policy simulation_runs_honest_insert on public.simulation_runs
    as restrictive for insert to authenticated
    with check (
        (user_id is null or user_id = (select auth.uid()))
        and (org_id is null or org_id = any (array(select active.org_id from simulation_private.active_organizations as active)))
        and (dataset_id is null or exists (select from public.datasets as dataset where dataset.id = simulation_runs.dataset_id))
    );

create policy simulation_runs_honest_update on public.simulation_runs
    as restrictive for update to authenticated
    using (true)
    with check (
        (user_id is null or user_id = (select auth.uid()))
        and (org_id is null or org_id = any (array(select active.org_id from simulation_private.active_organizations as active)))
        and (dataset_id is null or exists (select from public.datasets as dataset where dataset.id = simulation_runs.dataset_id))
    );

comment on policy simulation_runs_member_read on public.simulation_runs is
    'Own runs, and all runs of the organizations where the caller is an active member.';
comment on policy simulation_runs_member_insert on public.simulation_runs is
    'Under the own name, for oneself or for an own organization; or for an own organization under no name.';
comment on policy simulation_runs_member_update on public.simulation_runs is
    'Who started a run finishes or cancels it; a run under no name, any active member of its organization. Leaving an organization ends that.';
comment on policy simulation_runs_owner_delete on public.simulation_runs is
    'Who started a run deletes it, while an active member if it belongs to an organization. A run under no name is deleted by services only.';
comment on policy simulation_runs_honest_insert on public.simulation_runs is
    'No run under another person''s name, for a foreign organization, or on a dataset that the caller cannot see.';
comment on policy simulation_runs_honest_update on public.simulation_runs is
    'No run is moved to another person''s name, to a foreign organization, or to a dataset that the caller cannot see.';

-- Last, so that no moment is without policies. Where it was on already, this changes nothing.
alter table public.simulation_runs enable row level security;
