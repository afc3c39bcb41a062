-- Nothing is lost; where the limit was lowered, rows that are larger can be upserted by nobody again.
drop trigger datasets_file_size_within_limit on public.datasets;

create trigger datasets_file_size_within_limit
    before insert or update of file_size on public.datasets
    for each row
    when (new.file_size is not null)
    execute function simulation_private.refuse_large_dataset();

comment on column public.datasets.file_size is
    'In bytes. At most simulation_private.dataset_bucket.max_bytes when it is written.';
comment on trigger datasets_file_size_within_limit on public.datasets is
    'file_size is at most simulation_private.dataset_bucket.max_bytes when it is written.';
