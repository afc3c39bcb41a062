-- No file is lost; until up runs again, only services reach the files of the bucket.
drop policy dataset_files_owner_only_delete on storage.objects;
drop policy dataset_files_owner_only_update on storage.objects;
drop policy dataset_files_owner_only_insert on storage.objects;
drop policy dataset_files_owner_only_read on storage.objects;
drop policy dataset_files_owner_delete on storage.objects;
drop policy dataset_files_owner_update on storage.objects;
drop policy dataset_files_owner_insert on storage.objects;
drop policy dataset_files_owner_read on storage.objects;
