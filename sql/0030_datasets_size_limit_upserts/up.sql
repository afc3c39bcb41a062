-- Asks for the size of a dataset that is there, not of one that an upsert proposes, and lets postgres bring larger ones in.
-- A trigger before insert also sees what an upsert proposes for a row that is there. So where the limit was lowered, a row
-- that was larger already could be upserted by nobody, not even to change nothing.
drop trigger datasets_file_size_within_limit on public.datasets;

-- The condition is asked as the caller, which the function is not. The owner of the table may bring older rows in, from a
-- backup say; a condition cannot look up who that is.
create trigger datasets_file_size_within_limit
    after insert or update of file_size on public.datasets
    for each row
    when (new.file_size is not null and not pg_has_role('postgres', 'usage'))
    execute function simulation_private.refuse_large_dataset();

comment on column public.datasets.file_size is
    'In bytes. At most simulation_private.dataset_bucket.max_bytes when anybody but postgres writes it.';
comment on trigger datasets_file_size_within_limit on public.datasets is
    'file_size is at most simulation_private.dataset_bucket.max_bytes when anybody but postgres writes it.';
