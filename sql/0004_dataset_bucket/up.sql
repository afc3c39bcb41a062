-- Makes the one setting that rules the bucket, the size of a dataset and the storage policies.
create table simulation_private.dataset_bucket (
    only_row   boolean primary key default true,
    bucket_id  text not null,
    max_bytes  bigint not null,
    constraint dataset_bucket_one_row check (only_row),
    constraint dataset_bucket_id_length check (char_length(bucket_id) between 1 and 100),
    constraint dataset_bucket_max_bytes_positive check (max_bytes > 0)
);

alter table simulation_private.dataset_bucket enable row level security;
revoke all on table simulation_private.dataset_bucket from public, anon, authenticated, service_role;

comment on table simulation_private.dataset_bucket is
    'The bucket of the datasets as the stack configures it. The stack writes it; triggers and policies read it.';
comment on column simulation_private.dataset_bucket.bucket_id is 'Id of the bucket in storage.buckets.';
comment on column simulation_private.dataset_bucket.max_bytes is 'Largest file of the bucket and of public.datasets, in bytes.';
comment on constraint dataset_bucket_id_length on simulation_private.dataset_bucket is 'Storage takes bucket ids up to 100 characters.';

-- The stack's defaults; its bucket step writes the configured values over them.
insert into simulation_private.dataset_bucket (bucket_id, max_bytes) values ('datasets', 52428800);

create function simulation_private.dataset_bucket_id() returns text
language sql
stable
security definer
set search_path = ''
as $$
    select bucket_id from simulation_private.dataset_bucket
$$;

revoke all on function simulation_private.dataset_bucket_id() from public, anon, authenticated, service_role;
grant execute on function simulation_private.dataset_bucket_id() to authenticated;

comment on function simulation_private.dataset_bucket_id() is
    'Id of the bucket of the datasets, for policies: the caller cannot read the setting itself.';

create function simulation_private.fits_dataset_bucket(metadata jsonb) returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select
        not exists (
            select
            from jsonb_each_text(case jsonb_typeof(metadata) when 'object' then metadata end) as entry (key, value)
            where entry.key in ('size', 'contentLength')
                and case when entry.value ~ '^\d{1,30}$' then entry.value::numeric > bucket.max_bytes else entry.value is not null end
        )
    from simulation_private.dataset_bucket as bucket
$$;

revoke all on function simulation_private.fits_dataset_bucket(jsonb) from public, anon, authenticated, service_role;
grant execute on function simulation_private.fits_dataset_bucket(jsonb) to authenticated;

comment on function simulation_private.fits_dataset_bucket(jsonb) is
    'Whether the size that Storage writes into storage.objects.metadata, before an upload (contentLength) and after it (size), is within the limit.';
