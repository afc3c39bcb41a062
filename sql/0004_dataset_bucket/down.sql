-- not-archived: simulation_private.dataset_bucket
-- The configured bucket id and size limit are lost here; the stack's configuration still has them.
drop function simulation_private.fits_dataset_bucket(jsonb);
drop function simulation_private.dataset_bucket_id();
drop table simulation_private.dataset_bucket;
