-- Lets signed-in users reach their own datasets, and nobody else's.
create policy datasets_owner_read on public.datasets
    for select to authenticated
    using (owner_id = (select auth.uid()));

create policy datasets_owner_insert on public.datasets
    for insert to authenticated
    with check (owner_id = (select auth.uid()));

create policy datasets_owner_update on public.datasets
    for update to authenticated
    using (owner_id = (select auth.uid()))
    with check (owner_id = (select auth.uid()));

create policy datasets_owner_delete on public.datasets
    for delete to authenticated
    using (owner_id = (select auth.uid()));
