-- transaction: none
-- Indexes the active memberships of a user, which every policy on simulation_runs looks up.
create index concurrently idx_organization_members_active
    on public.organization_members (user_id, org_id) where status = 'active';
