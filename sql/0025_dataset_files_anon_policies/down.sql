-- No file is lost; policies of others may let anon into the bucket until up runs again.
drop policy dataset_files_anon_no_delete on storage.objects;
drop policy dataset_files_anon_no_update on storage.objects;
drop policy dataset_files_anon_no_insert on storage.objects;
drop policy dataset_files_anon_no_read on storage.objects;
revoke execute on function simulation_private.dataset_bucket_id() from anon;
