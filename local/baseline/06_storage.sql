-- The schema storage as the Storage server's migrations leave it. Left out: analytics and vector buckets with their
-- tables, and the listing functions of the S3 protocol.

set local role supabase_storage_admin;

create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');

create table storage.migrations (
    id          integer not null,
    name        varchar(100) not null,
    hash        varchar(40) not null,
    executed_at timestamp default current_timestamp,
    constraint migrations_pkey primary key (id),
    constraint migrations_name_key unique (name)
);

create table storage.buckets (
    id                 text not null,
    name               text not null,
    owner              uuid,
    created_at         timestamptz default now(),
    updated_at         timestamptz default now(),
    public             boolean default false,
    avif_autodetection boolean default false,
    file_size_limit    bigint,
    allowed_mime_types text[],
    owner_id           text,
    type               storage.buckettype not null default 'STANDARD',
    versioning_status  text not null default 'DISABLED',
    constraint buckets_pkey primary key (id),
    constraint buckets_versioning_status_check check (versioning_status in ('DISABLED', 'ENABLED', 'SUSPENDED')),
    constraint buckets_versioning_standard_only_check check (type = 'STANDARD' or versioning_status = 'DISABLED')
);

comment on column storage.buckets.owner is 'Field is deprecated, use owner_id instead';
create unique index bname on storage.buckets (name);

create table storage.objects (
    id               uuid not null default gen_random_uuid(),
    bucket_id        text,
    name             text,
    owner            uuid,
    created_at       timestamptz default now(),
    updated_at       timestamptz default now(),
    last_accessed_at timestamptz default now(),
    metadata         jsonb,
    path_tokens      text[] generated always as (string_to_array(name, '/')) stored,
    version          text,
    owner_id         text,
    user_metadata    jsonb,
    archived_at      timestamptz,
    is_delete_marker boolean not null default false,
    is_versioned     boolean not null default false,
    constraint objects_pkey primary key (id),
    constraint "objects_bucketId_fkey" foreign key (bucket_id) references storage.buckets (id)
);

comment on column storage.objects.owner is 'Field is deprecated, use owner_id instead';
create unique index bucketid_objname on storage.objects (bucket_id, name);
create index name_prefix_search on storage.objects (name text_pattern_ops);
create index idx_objects_bucket_id_name on storage.objects (bucket_id, name collate "C");
create index idx_objects_bucket_id_name_lower on storage.objects (bucket_id, lower(name) collate "C");

create table storage.s3_multipart_uploads (
    id               text not null,
    in_progress_size bigint not null default 0,
    upload_signature text not null,
    bucket_id        text not null,
    key              text collate "C" not null,
    version          text not null,
    owner_id         text,
    created_at       timestamptz not null default now(),
    user_metadata    jsonb,
    metadata         jsonb,
    constraint s3_multipart_uploads_pkey primary key (id),
    constraint s3_multipart_uploads_bucket_id_fkey foreign key (bucket_id) references storage.buckets (id)
);

create index idx_multipart_uploads_list on storage.s3_multipart_uploads (bucket_id, key, created_at);

create table storage.s3_multipart_uploads_parts (
    id          uuid not null default gen_random_uuid(),
    upload_id   text not null,
    size        bigint not null default 0,
    part_number integer not null,
    bucket_id   text not null,
    key         text collate "C" not null,
    etag        text not null,
    owner_id    text,
    version     text not null,
    created_at  timestamptz not null default now(),
    constraint s3_multipart_uploads_parts_pkey primary key (id),
    constraint s3_multipart_uploads_parts_bucket_id_fkey foreign key (bucket_id) references storage.buckets (id),
    constraint s3_multipart_uploads_parts_upload_id_fkey
        foreign key (upload_id) references storage.s3_multipart_uploads (id) on delete cascade
);

-- Row level security without a policy: until one is made, anon and authenticated see and write nothing.
alter table storage.migrations enable row level security;
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
alter table storage.s3_multipart_uploads enable row level security;
alter table storage.s3_multipart_uploads_parts enable row level security;

grant all on storage.buckets, storage.objects to anon, authenticated, service_role;
grant all on storage.buckets, storage.objects to postgres with grant option;
grant all on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts to service_role;
grant select on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts to anon, authenticated;

create function storage.foldername(name text) returns text[]
    language sql immutable
as $$
    select (string_to_array(name, '/'))[: array_length(string_to_array(name, '/'), 1) - 1]
$$;

create function storage.filename(name text) returns text
    language sql immutable
as $$
    select split_part(name, '/', -1)
$$;

create function storage.extension(name text) returns text
    language sql immutable
as $$
    select split_part(split_part(name, '/', -1), '.', -1)
$$;

-- What the Storage server is doing, such as storage.object.upload, so that a policy can tell.
create function storage.operation() returns text
    language sql stable
as $$
    select current_setting('storage.operation', true)
$$;

create function storage.allow_any_operation(expected_operations text[]) returns boolean
    language sql stable
as $$
    select exists (
        select from unnest(expected_operations) as expected
        where expected <> ''
            and regexp_replace(expected, '^storage\.', '') = regexp_replace(storage.operation(), '^storage\.', '')
    )
$$;

create function storage.allow_only_operation(expected_operation text) returns boolean
    language sql stable
as $$
    select storage.allow_any_operation(array[expected_operation])
$$;

-- Tries the insert and always fails: with PT200 when it would have been allowed.
create function storage.can_insert_object(bucketid text, name text, owner uuid, metadata jsonb) returns void
    language plpgsql
as $$
begin
    insert into storage.objects (bucket_id, name, owner, metadata) values (bucketid, name, owner, metadata);
    raise sqlstate 'PT200' using message = 'ROLLBACK', detail = 'rollback successful insert';
end
$$;

create function storage.get_size_by_bucket() returns table (size bigint, bucket_id text)
    language sql stable
as $$
    select sum((metadata ->> 'size')::bigint)::bigint, bucket_id from storage.objects group by bucket_id
$$;

-- One level of a folder: its folders (without an id), then its files, whatever the caller may see of them.
create function storage.search(
    prefix text, bucketname text, limits integer default 100, levels integer default 1, offsets integer default 0,
    search text default '', sortcolumn text default 'name', sortorder text default 'asc'
) returns table (
    name text, id uuid, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz, metadata jsonb
)
    language plpgsql stable
as $$
begin
    if sortcolumn not in ('name', 'updated_at', 'created_at', 'last_accessed_at') then
        sortcolumn := 'name';
    end if;
    if sortorder <> 'desc' then
        sortorder := 'asc';
    end if;
    return query execute format(
        $query$
        with found as (
            select o.*, o.path_tokens[$1] as entry, array_length(o.path_tokens, 1) > $1 as is_folder
            from storage.objects o
            where o.bucket_id = $2 and starts_with(lower(o.name), lower($3)) and array_length(o.path_tokens, 1) >= $1
        ),
        entries as (
            select entry as name, null::uuid as id, null::timestamptz as updated_at, null::timestamptz as created_at,
                null::timestamptz as last_accessed_at, null::jsonb as metadata, 0 as rank
            from found where is_folder group by entry
            union all
            select entry, id, updated_at, created_at, last_accessed_at, metadata, 1 from found where not is_folder
        )
        select name, id, updated_at, created_at, last_accessed_at, metadata
        from entries order by rank, %I %s, name limit $4 offset $5
        $query$, sortcolumn, sortorder
    ) using levels, bucketname, coalesce(prefix, '') || coalesce(search, ''), limits, offsets;
end
$$;

create function storage.update_updated_at_column() returns trigger
    language plpgsql
as $$
begin
    new.updated_at = now();
    return new;
end
$$;

create trigger update_objects_updated_at before update on storage.objects
    for each row execute function storage.update_updated_at_column();

create function storage.enforce_bucket_name_length() returns trigger
    language plpgsql
as $$
begin
    if length(new.name) > 100 then
        raise exception 'bucket name "%" is too long (% characters). Max is 100.', new.name, length(new.name);
    end if;
    return new;
end
$$;

create trigger enforce_bucket_name_length_trigger before insert or update of name on storage.buckets
    for each row execute function storage.enforce_bucket_name_length();

-- A row without its file, or a file without its row, helps nobody: only the Storage server deletes.
create function storage.protect_delete() returns trigger
    language plpgsql
as $$
begin
    if coalesce(current_setting('storage.allow_delete_query', true), 'false') <> 'true' then
        raise exception 'Direct deletion from storage tables is not allowed. Use the Storage API instead.'
            using hint = 'This prevents accidental data loss from orphaned objects.', errcode = '42501';
    end if;
    return null;
end
$$;

create trigger protect_buckets_delete before delete on storage.buckets
    for each statement execute function storage.protect_delete();
create trigger protect_objects_delete before delete on storage.objects
    for each statement execute function storage.protect_delete();
create trigger protect_s3_multipart_uploads_delete before delete on storage.s3_multipart_uploads
    for each statement execute function storage.protect_delete();
create trigger protect_s3_multipart_uploads_parts_delete before delete on storage.s3_multipart_uploads_parts
    for each statement execute function storage.protect_delete();

reset role;
