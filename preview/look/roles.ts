import type pg from "pg";
import type { ColumnPrivilege, DefaultPrivilege } from "./look.ts";
import type { TargetLook } from "./targetLook.ts";

/**
 * Roles, memberships and settings: what belongs to the whole server, so that no dump of a database has it. Read from
 * the views that anybody may read: no password is among it.
 */
export async function readRoles(client: pg.Client): Promise<Pick<TargetLook, "roles" | "memberships" | "settings">> {
    const { rows } = await client.query<Pick<TargetLook, "roles" | "memberships" | "settings">>(`
        select
            (
                select jsonb_agg(jsonb_build_object('name', rolname, 'attributes', jsonb_build_object(
                    'superuser', rolsuper, 'inherit', rolinherit, 'createRole', rolcreaterole, 'createDatabase', rolcreatedb,
                    'login', rolcanlogin, 'replication', rolreplication, 'bypassRls', rolbypassrls,
                    'connectionLimit', rolconnlimit, 'validUntil', rolvaliduntil::text
                )) order by oid)
                from pg_catalog.pg_roles where rolname !~ '^pg_'
            ) as roles,
            (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'role', r.rolname, 'member', u.rolname, 'grantor', g.rolname, 'admin', m.admin_option,
                    'inherit', to_jsonb(m) -> 'inherit_option', 'set', to_jsonb(m) -> 'set_option'
                ) order by (g.oid <> 10), m.roleid, m.member), '[]')
                from pg_catalog.pg_auth_members as m
                inner join pg_catalog.pg_roles as r on r.oid = m.roleid inner join pg_catalog.pg_roles as u on u.oid = m.member
                left join pg_catalog.pg_roles as g on g.oid = m.grantor
                -- Those that initdb makes are there already.
                where u.rolname !~ '^pg_'
            ) as memberships,
            (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'role', r.rolname, 'inThisDatabase', s.setdatabase <> 0,
                    'name', split_part(entry, '=', 1), 'value', substr(entry, strpos(entry, '=') + 1)
                ) order by s.setdatabase, s.setrole, nth), '[]')
                from pg_catalog.pg_db_role_setting as s
                cross join lateral unnest(s.setconfig) with ordinality as each (entry, nth)
                left join pg_catalog.pg_roles as r on r.oid = s.setrole
                where s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
            ) as settings`);
    return rows[0] ?? { roles: [], memberships: [], settings: [] };
}

export async function readDefaultPrivileges(client: pg.Client): Promise<DefaultPrivilege[]> {
    const { rows } = await client.query<DefaultPrivilege>(`
        select o.rolname as role, n.nspname as schema, d.defaclobjtype as kind, g.rolname as grantee,
               a.privilege_type as privilege, a.is_grantable as grantable
        from pg_catalog.pg_default_acl as d
        cross join lateral aclexplode(d.defaclacl) as a
        inner join pg_catalog.pg_roles as o on o.oid = d.defaclrole
        left join pg_catalog.pg_namespace as n on n.oid = d.defaclnamespace
        left join pg_catalog.pg_roles as g on g.oid = a.grantee
        where d.defaclobjtype in ('r', 'S', 'f', 'T', 'n') and (a.grantee = 0 or g.oid is not null)
        order by d.oid`);
    return rows;
}

export async function readColumnPrivileges(client: pg.Client): Promise<ColumnPrivilege[]> {
    const { rows } = await client.query<ColumnPrivilege>(`
        select format('%I.%I', n.nspname, c.relname) as table, a.attname as column, g.rolname as grantee,
               x.privilege_type as privilege, x.is_grantable as grantable
        from pg_catalog.pg_attribute as a
        cross join lateral aclexplode(a.attacl) as x
        inner join pg_catalog.pg_class as c on c.oid = a.attrelid
        inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        left join pg_catalog.pg_roles as g on g.oid = x.grantee
        where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not a.attisdropped
            and (x.grantee = 0 or g.oid is not null)
        order by c.oid, a.attnum`);
    return rows;
}
