-- No default privilege of postgres names anon or PUBLIC, neither in public nor for all schemas.
do $$
declare
    given text;
begin
    select string_agg(format('%s to %s', acl.privilege_type, coalesce(grantee.rolname, 'public')), ', ') into given
    from pg_default_acl as stored
    cross join lateral aclexplode(stored.defaclacl) as acl
    left join pg_roles as grantee on grantee.oid = acl.grantee
    where stored.defaclrole = 'postgres'::regrole
        and stored.defaclnamespace in (0, 'public'::regnamespace)
        and stored.defaclobjtype in ('r', 'S', 'f')
        and (acl.grantee = 0 or grantee.rolname = 'anon');
    if given is not null then
        raise exception 'new objects of postgres are still born with %', given;
    end if;

    if not exists (
        select
        from pg_default_acl
        where defaclrole = 'postgres'::regrole and defaclnamespace = 0 and defaclobjtype = 'f'
    ) then
        raise exception 'new functions of postgres are still born with execute to PUBLIC';
    end if;
end
$$;
