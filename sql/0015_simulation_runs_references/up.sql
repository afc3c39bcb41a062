-- Ties runs to their dataset and user: when these are deleted, the run stays and forgets them.
-- Values that came back from the archive may point at what was deleted meanwhile; then the key would have forgotten it too.
update public.simulation_runs
set dataset_id = null
where dataset_id is not null and not exists (select from public.datasets where datasets.id = simulation_runs.dataset_id);

update public.simulation_runs
set user_id = null
where user_id is not null and not exists (select from auth.users where users.id = simulation_runs.user_id);

alter table public.simulation_runs
    add constraint simulation_runs_dataset_id_fkey
        foreign key (dataset_id) references public.datasets (id) on delete set null not valid,
    add constraint simulation_runs_user_id_fkey
        foreign key (user_id) references auth.users (id) on delete set null not valid;
