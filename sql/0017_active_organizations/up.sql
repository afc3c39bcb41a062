-- Makes active_organization_ids(), the organizations of the caller as one array.
create function simulation_private.active_organization_ids() returns uuid[]
language sql
stable
security definer
set search_path = ''
as $$
    select array(
        select member.org_id
        from public.organization_members as member
        where member.user_id = (select auth.uid()) and member.status = 'active'
    )
$$;

revoke all on function simulation_private.active_organization_ids() from public, anon, authenticated, service_role;
grant execute on function simulation_private.active_organization_ids() to authenticated;

comment on function simulation_private.active_organization_ids() is
    'Organizations where the caller is an active member, for policies: asked once per query, and whatever organization_members lets them see.';
