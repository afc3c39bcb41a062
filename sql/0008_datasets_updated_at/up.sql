-- Keeps updated_at of datasets.
create trigger handle_datasets_updated_at
    before update on public.datasets
    for each row
    execute function public.handle_updated_at();
