-- By organization, as the runs themselves.

set local role postgres;

alter table public.simulation_runs enable row level security;

create policy "Active members read their organizations' runs" on public.simulation_runs
    for select to authenticated using (
        exists (
            select from public.organization_members m
            where m.org_id = simulation_runs.org_id and m.user_id = (select auth.uid()) and m.status = 'active'
        )
    );

create policy "Active members add runs to their organizations" on public.simulation_runs
    for insert to authenticated with check (
        exists (
            select from public.organization_members m
            where m.org_id = simulation_runs.org_id and m.user_id = (select auth.uid()) and m.status = 'active'
        )
    );

grant select, insert, update, delete on public.simulation_runs to authenticated, service_role;

reset role;
