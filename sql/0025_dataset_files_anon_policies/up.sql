-- Keeps who is not signed in out of the bucket of the datasets, whatever the policies of others say.
-- A policy that names no role is for everybody. The restrictive ones of authenticated do not bind anon.
grant execute on function simulation_private.dataset_bucket_id() to anon;

create policy dataset_files_anon_no_read on storage.objects
    as restrictive for select to anon
    using (bucket_id is distinct from (select simulation_private.dataset_bucket_id()));

create policy dataset_files_anon_no_insert on storage.objects
    as restrictive for insert to anon
    with check (bucket_id is distinct from (select simulation_private.dataset_bucket_id()));

create policy dataset_files_anon_no_update on storage.objects
    as restrictive for update to anon
    using (bucket_id is distinct from (select simulation_private.dataset_bucket_id()))
    with check (bucket_id is distinct from (select simulation_private.dataset_bucket_id()));

create policy dataset_files_anon_no_delete on storage.objects
    as restrictive for delete to anon
    using (bucket_id is distinct from (select simulation_private.dataset_bucket_id()));
