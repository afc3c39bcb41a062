-- No data is lost; until up runs again, row level security keeps all users out.
drop policy datasets_owner_delete on public.datasets;
drop policy datasets_owner_update on public.datasets;
drop policy datasets_owner_insert on public.datasets;
drop policy datasets_owner_read on public.datasets;
