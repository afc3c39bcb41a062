-- No data is lost; both services see no row until up runs again.
revoke execute on function
    simulation_private.is_safe_object_name(text),
    simulation_private.is_dataset_schema(jsonb, integer)
from dataset_service;

-- In the same order as up: whoever adds a run locks the two tables so.
drop policy simulation_runs_reader_read on public.simulation_runs;
drop policy datasets_reader_read on public.datasets;
drop policy datasets_service_update on public.datasets;
drop policy datasets_service_insert on public.datasets;
drop policy datasets_service_read on public.datasets;
