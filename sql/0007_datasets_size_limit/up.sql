-- Refuses a dataset that is larger than the configured limit of the bucket.
create function simulation_private.refuse_large_dataset() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    allowed bigint;
begin
    -- A limit that was lowered later must not stand in the way of other changes to an old row.
    if tg_op = 'UPDATE' then
        if new.file_size is not distinct from old.file_size then
            return new;
        end if;
    end if;

    select max_bytes into strict allowed from simulation_private.dataset_bucket;
    if new.file_size > allowed then
        raise exception using
            errcode = 'check_violation',
            message = format('file_size is %s bytes, but datasets may have at most %s bytes', new.file_size, allowed),
            hint = 'The limit is a setting of the stack and holds for the bucket as well.',
            schema = tg_table_schema,
            table = tg_table_name,
            column = 'file_size',
            constraint = 'datasets_file_size_within_limit';
    end if;
    return new;
end
$$;

revoke all on function simulation_private.refuse_large_dataset() from public, anon, authenticated, service_role;

comment on function simulation_private.refuse_large_dataset() is
    'Trigger function: a check constraint could not read the limit from simulation_private.dataset_bucket.';

create trigger datasets_file_size_within_limit
    before insert or update of file_size on public.datasets
    for each row
    when (new.file_size is not null)
    execute function simulation_private.refuse_large_dataset();

comment on trigger datasets_file_size_within_limit on public.datasets is
    'file_size is at most simulation_private.dataset_bucket.max_bytes when it is written.';
