-- Makes public.datasets, one row per uploaded file; the bytes live in Storage.
create table public.datasets (
    id            uuid primary key default gen_random_uuid(),
    owner_id      uuid not null references auth.users (id) on delete cascade,
    name          text not null,
    description   text,
    file_path     text not null,
    file_size     bigint,
    file_type     text not null,
    schema_json   jsonb,
    row_count     integer,
    column_count  integer,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    constraint datasets_name_length check (char_length(name) <= 200),
    constraint datasets_name_readable
        check (name ~ '\S' and name !~ '[\u0001-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]'),
    constraint datasets_description_length check (char_length(description) <= 4000),
    constraint datasets_description_readable
        check (description ~ '\S' and description !~ '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]'),
    constraint datasets_file_path_key unique (file_path),
    constraint datasets_file_path_in_owner_folder check (starts_with(file_path, owner_id::text || '/')),
    constraint datasets_file_path_safe check (simulation_private.is_safe_object_name(file_path)),
    constraint datasets_file_path_extension
        check (file_path ~ '[^/]\.[^./]+$' and lower(right(file_path, char_length(file_type) + 1)) = '.' || lower(file_type)),
    constraint datasets_file_type_known check (file_type in ('csv', 'parquet')),
    constraint datasets_file_size_not_negative check (file_size >= 0),
    constraint datasets_row_count_not_negative check (row_count >= 0),
    constraint datasets_column_count_not_negative check (column_count >= 0),
    constraint datasets_schema_json_valid check (simulation_private.is_dataset_schema(schema_json, column_count))
);

-- The listing of one owner, newest first; also what deleting a user looks for.
create index idx_datasets_owner_id on public.datasets (owner_id, created_at desc);
-- The listing over all owners, for the services.
create index idx_datasets_created_at on public.datasets (created_at);

alter table public.datasets enable row level security;

-- Said in full, so that the table is the same whatever the project's default privileges are.
revoke all on table public.datasets from public, anon, authenticated, service_role;
grant select, delete on table public.datasets to authenticated;
-- No insert of id: the refusal of one that is taken would tell whether somebody else's dataset has it.
grant
    insert (owner_id, name, description, file_path, file_size, file_type, schema_json, row_count, column_count),
    update (name, description, file_path, file_size, file_type, schema_json, row_count, column_count)
on table public.datasets to authenticated;
grant all on table public.datasets to service_role;

comment on table public.datasets is
    'One row per uploaded file. The bytes live in Storage under file_path; deleting a row leaves them there.';
comment on column public.datasets.owner_id is 'The only user who sees the row. Never changes.';
comment on column public.datasets.file_path is 'Object key inside the bucket of the datasets: <owner_id>/<anything>.csv or .parquet.';
comment on column public.datasets.file_size is 'In bytes. At most simulation_private.dataset_bucket.max_bytes when it is written.';
comment on column public.datasets.schema_json is
    'Columns in the order of the file: [{"name": …, "type": …, "nullable": …}, …]; nullable may be left out.';
comment on column public.datasets.row_count is 'Data rows, without the header.';
comment on column public.datasets.column_count is 'Agrees with schema_json when both are known.';
comment on constraint datasets_name_readable on public.datasets is
    'Not blank; no control characters, line breaks or marks that turn the direction of writing.';
comment on constraint datasets_description_readable on public.datasets is
    'As for the name, but tabs and line breaks are text here.';
comment on constraint datasets_file_path_key on public.datasets is 'One row per object in Storage.';
comment on constraint datasets_file_path_extension on public.datasets is 'The extension, in any case, agrees with file_type.';
