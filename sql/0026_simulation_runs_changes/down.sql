-- Nothing is lost; runs on a colleague's dataset can again be changed by that colleague and by services only.
alter policy simulation_runs_honest_update on public.simulation_runs
    using (true)
    with check (
        (user_id is null or user_id = (select auth.uid()))
        and (org_id is null or org_id = any (array(select active.org_id from simulation_private.active_organizations as active)))
        and (dataset_id is null or exists (select from public.datasets as dataset where dataset.id = simulation_runs.dataset_id))
    );

comment on policy simulation_runs_honest_update on public.simulation_runs is
    'No run is moved to another person''s name, to a foreign organization, or to a dataset that the caller cannot see.';

drop trigger simulation_runs_dataset_seen on public.simulation_runs;
drop function simulation_private.keep_run_dataset_seen();

create or replace function simulation_private.keep_run_identity() returns trigger
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
