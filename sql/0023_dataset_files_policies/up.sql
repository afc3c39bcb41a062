-- Gives each user one folder of their own in the bucket of the datasets, for CSV and Parquet files.
create policy dataset_files_owner_read on storage.objects
    for select to authenticated
    using (
        bucket_id = (select simulation_private.dataset_bucket_id())
        and (storage.foldername(name))[1] = (select auth.uid())::text
    );

-- A browser that does not know Parquet sends application/octet-stream: so the extension says what a file is.
create policy dataset_files_owner_insert on storage.objects
    for insert to authenticated
    with check (
        bucket_id = (select simulation_private.dataset_bucket_id())
        and (storage.foldername(name))[1] = (select auth.uid())::text
        and name ~* '[^/]\.(csv|parquet)$'
        and simulation_private.is_safe_object_name(name)
        and (owner_id is null or owner_id = (select auth.uid())::text)
        and simulation_private.fits_dataset_bucket(metadata)
    );

create policy dataset_files_owner_update on storage.objects
    for update to authenticated
    using (
        bucket_id = (select simulation_private.dataset_bucket_id())
        and (storage.foldername(name))[1] = (select auth.uid())::text
    )
    with check (
        bucket_id = (select simulation_private.dataset_bucket_id())
        and (storage.foldername(name))[1] = (select auth.uid())::text
        and name ~* '[^/]\.(csv|parquet)$'
        and simulation_private.is_safe_object_name(name)
        and (owner_id is null or owner_id = (select auth.uid())::text)
        and simulation_private.fits_dataset_bucket(metadata)
    );

create policy dataset_files_owner_delete on storage.objects
    for delete to authenticated
    using (
        bucket_id = (select simulation_private.dataset_bucket_id())
        and (storage.foldername(name))[1] = (select auth.uid())::text
    );

-- Policies add up: one made for other buckets that does not name its bucket would open this one. Restrictive, these
-- hold whatever the others allow, and touch no other bucket.
create policy dataset_files_owner_only_read on storage.objects
    as restrictive for select to authenticated
    using (
        bucket_id is distinct from (select simulation_private.dataset_bucket_id())
        or (storage.foldername(name))[1] = (select auth.uid())::text
    );

create policy dataset_files_owner_only_insert on storage.objects
    as restrictive for insert to authenticated
    with check (
        bucket_id is distinct from (select simulation_private.dataset_bucket_id())
        or (
            (storage.foldername(name))[1] = (select auth.uid())::text
            and name ~* '[^/]\.(csv|parquet)$'
            and simulation_private.is_safe_object_name(name)
            and (owner_id is null or owner_id = (select auth.uid())::text)
            and simulation_private.fits_dataset_bucket(metadata)
        )
    );

create policy dataset_files_owner_only_update on storage.objects
    as restrictive for update to authenticated
    using (
        bucket_id is distinct from (select simulation_private.dataset_bucket_id())
        or (storage.foldername(name))[1] = (select auth.uid())::text
    )
    with check (
        bucket_id is distinct from (select simulation_private.dataset_bucket_id())
        or (
            (storage.foldername(name))[1] = (select auth.uid())::text
            and name ~* '[^/]\.(csv|parquet)$'
            and simulation_private.is_safe_object_name(name)
            and (owner_id is null or owner_id = (select auth.uid())::text)
            and simulation_private.fits_dataset_bucket(metadata)
        )
    );

create policy dataset_files_owner_only_delete on storage.objects
    as restrictive for delete to authenticated
    using (
        bucket_id is distinct from (select simulation_private.dataset_bucket_id())
        or (storage.foldername(name))[1] = (select auth.uid())::text
    );
