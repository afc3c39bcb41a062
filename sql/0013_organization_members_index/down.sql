-- No data is lost.
drop index concurrently public.idx_organization_members_active;
