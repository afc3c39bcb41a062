-- The view is there, reads as an owner whom no policy binds, and is for authenticated only.
do $$
declare
    found pg_class;
begin
    select * into found from pg_class where oid = to_regclass('simulation_private.active_organizations') and relkind = 'v';
    if found.oid is null then
        raise exception 'view simulation_private.active_organizations is missing';
    end if;
    if exists (
        select from pg_options_to_table(found.reloptions) where option_name = 'security_invoker' and option_value::boolean
    )
        or not (select rolbypassrls or rolsuper from pg_roles where oid = found.relowner) then
        raise exception 'view simulation_private.active_organizations is bound by the policies of organization_members';
    end if;
    if not has_table_privilege('authenticated', found.oid, 'select') then
        raise exception 'authenticated cannot read simulation_private.active_organizations, which policies read';
    end if;
    if has_table_privilege('authenticated', found.oid, 'insert, update, delete, truncate')
        or has_table_privilege('anon', found.oid, 'select, insert, update, delete, truncate') then
        raise exception 'simulation_private.active_organizations is open to more than authenticated''s reading';
    end if;
end
$$;
