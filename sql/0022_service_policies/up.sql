-- Lets the upload service keep the rows of all datasets, and bias detection read datasets and runs.
-- First the table with the foreign key, then the one it points at: whoever adds a run locks them in this order.
create policy simulation_runs_reader_read on public.simulation_runs
    for select to simulation_reader
    using (true);

create policy datasets_service_read on public.datasets
    for select to dataset_service
    using (true);

create policy datasets_service_insert on public.datasets
    for insert to dataset_service
    with check (true);

create policy datasets_service_update on public.datasets
    for update to dataset_service
    using (true)
    with check (true);

create policy datasets_reader_read on public.datasets
    for select to simulation_reader
    using (true);

-- The constraints of datasets call these as whoever writes the row.
grant execute on function
    simulation_private.is_safe_object_name(text),
    simulation_private.is_dataset_schema(jsonb, integer)
to dataset_service;

comment on policy datasets_service_insert on public.datasets is 'For any owner. Which columns, the grants of the stack say.';
comment on policy datasets_service_update on public.datasets is
    'For any owner. Which columns, the grants of the stack say; deleting is left to the owner.';
