-- Makes the caller the owner of a dataset that is sent without one, so that a user can upsert through the API.
-- The API changes in an upsert all columns that were sent, and no user may change owner_id.
alter table public.datasets alter column owner_id set default auth.uid();
