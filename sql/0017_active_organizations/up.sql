-- Makes the view active_organizations, the organizations where the caller is an active member.
create view simulation_private.active_organizations as
    select member.org_id
    from public.organization_members as member
    where member.user_id = (select auth.uid()) and member.status = 'active';

revoke all on table simulation_private.active_organizations from public, anon, authenticated, service_role;
grant select on table simulation_private.active_organizations to authenticated;

comment on view simulation_private.active_organizations is
    'For policies. Reads as its owner, so it sees all memberships whatever policies organization_members has, and never calls those.';
