-- The index is there, valid, partial, and on user_id before org_id.
do $$
begin
    if not exists (
        select
        from pg_index
        where indrelid = 'public.organization_members'::regclass
            and indexrelid = to_regclass('public.idx_organization_members_active')
            and indisvalid
            and pg_get_indexdef(indexrelid) like '%(user_id, org_id) WHERE %'
    ) then
        raise exception 'index idx_organization_members_active on public.organization_members is missing or invalid';
    end if;
end
$$;
