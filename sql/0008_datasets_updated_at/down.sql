-- Nothing is lost: updated_at keeps its last values.
drop trigger handle_datasets_updated_at on public.datasets;
