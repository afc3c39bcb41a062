import pg from "pg";
import { laterTables } from "../../runner/applicationGrants.ts";
import type { Look } from "../look/look.ts";
import type { Room } from "./fill.ts";
import type { TargetRole, TargetSetting } from "../look/targetLook.ts";

const { escapeIdentifier, escapeLiteral } = pg;

/** Settings that name libraries which the shadow does not have, and without which nobody could log in. */
const needsLibrary = /_preload_libraries$/;

/**
 * Gives a server the target's roles and their memberships, as a dump of a database has neither. No role gets a
 * password. `admin` is a superuser, connected to any database.
 *
 * @param existing roles that stay as they are, and among themselves
 * @returns notes: what could not be made the same
 */
export async function makeRoles(admin: pg.Client, look: Look, existing: readonly string[]): Promise<string[]> {
    const notes: string[] = [];
    const made = look.roles.filter(({ name }) => !existing.includes(name));
    const isNew = (name: string) => made.some(role => role.name === name);
    await admin.query(
        made.map(role => `create role ${escapeIdentifier(role.name)} ${attributesOf(role)}`).join(";") || "select 1",
    );
    for (const { name } of made) {
        const comment = look.catalog.get(`comment on role ${quoted(name)}`);
        if (comment !== undefined) {
            await admin.query(`comment on role ${escapeIdentifier(name)} is ${escapeLiteral(comment)}`);
        }
    }

    // Who grants must have been given the right before: what cannot be granted yet waits for the next round.
    let waiting = look.memberships
        .filter(({ role, member }) => isNew(role) || isNew(member))
        .map(membership => ({ membership, why: "" }));
    while (waiting.length > 0) {
        const left: typeof waiting = [];
        for (const { membership } of waiting) {
            const failure = await tryTo(admin, grantOf(membership, look.major));
            if (failure) left.push({ membership, why: failure });
        }
        if (left.length === waiting.length) break;
        waiting = left;
    }
    for (const { membership, why } of waiting) {
        notes.push(`the shadow lacks the membership of ${membership.member} in ${membership.role}: ${why}`);
    }
    return notes;
}

/** What belongs to the database and not to anything in it: owner, access list, comment. */
export async function dressDatabase(admin: pg.Client, look: Look, { name: called, shared }: Room["database"]) {
    const { database } = look;
    const name = escapeIdentifier(called);
    await admin.query(`
        alter database ${name} owner to ${escapeIdentifier(database.owner)};
        alter database ${name} connection limit ${database.connectionLimit}`);
    // On a shared server the comment says what has to be cleared up.
    if (!shared) {
        const comment = database.comment === null ? "null" : escapeLiteral(database.comment);
        await admin.query(`comment on database ${name} is ${comment}`);
    }
    if (database.acl !== null) {
        await admin.query(`do $$
            declare
                given record;
            begin
                execute format('revoke all on database %I from public, %I', ${escapeLiteral(called)}, ${escapeLiteral(database.owner)});
                for given in
                    select a.*, g.rolname as grantor_name, case a.grantee when 0 then 'public' else quote_ident(a.grantee::regrole::text) end as grantee_name
                    from aclexplode(${escapeLiteral(database.acl)}::aclitem[]) as a inner join pg_roles as g on g.oid = a.grantor
                loop
                    execute format('set local role %I', given.grantor_name);
                    execute format(
                        'grant %s on database %I to %s %s', given.privilege_type, ${escapeLiteral(called)}, given.grantee_name,
                        case when given.is_grantable then 'with grant option' else '' end
                    );
                    reset role;
                end loop;
            end $$`);
    }
}

/**
 * Settings of roles and of the database. After the catalog is copied, since some would change how that is read, and into
 * no template: those of one's own may hold secrets.
 *
 * @returns notes: what is left out
 */
export async function giveSettings(
    admin: pg.Client,
    look: Look,
    { name: called, shared }: Room["database"],
): Promise<string[]> {
    // Row by row as the target has them: SET would want to know each of them, also those of libraries that are not here.
    const fits = ({ name, inThisDatabase }: TargetSetting) => !needsLibrary.test(name) && (inThisDatabase || !shared);
    const settings = look.settings.filter(fits);
    await admin.query("set allow_system_table_mods = on");
    if (!shared) await admin.query("delete from pg_catalog.pg_db_role_setting");
    await admin.query(
        `insert into pg_catalog.pg_db_role_setting (setdatabase, setrole, setconfig)
         select case when s.here then (select oid from pg_catalog.pg_database where datname = $2) else 0 end,
                coalesce((select oid from pg_catalog.pg_roles where rolname = s.role), 0),
                array_agg(s.name || '=' || s.value order by s.nth)
         from jsonb_to_recordset($1) as s (role text, here boolean, name text, value text, nth int)
         group by s.here, s.role`,
        [
            JSON.stringify(
                settings.map(({ inThisDatabase, ...rest }, nth) => ({ ...rest, here: inThisDatabase, nth })),
            ),
            called,
        ],
    );
    await admin.query("reset allow_system_table_mods");
    const left = look.settings.filter(setting => !fits(setting)).map(({ name, role }) => `${name} of ${role ?? "all"}`);
    return left.length === 0 ? [] : [`settings that the shadow does without: ${[...new Set(left)].join(", ")}`];
}

/** As the target has them; pg-delta leaves out those of a role to itself. */
export async function giveDefaultPrivileges(admin: pg.Client, look: Look): Promise<void> {
    const on = { r: "tables", S: "sequences", f: "functions", T: "types", n: "schemas" } as const;
    const grants = look.defaultPrivileges.map(({ role, schema, kind, grantee, privilege, grantable }) =>
        [
            `alter default privileges for role ${escapeIdentifier(role)}`,
            schema === null ? "" : `in schema ${escapeIdentifier(schema)}`,
            `grant ${privilege} on ${on[kind]} to ${grantee === null ? "public" : escapeIdentifier(grantee)}`,
            grantable ? "with grant option" : "",
        ].join(" "),
    );
    if (grants.length > 0) await admin.query(grants.join(";"));
}

/** As the target has them; pg-delta takes them away again with what it revokes from the table afterwards. */
export async function giveColumnPrivileges(admin: pg.Client, look: Look): Promise<void> {
    const grants = look.columnPrivileges.map(({ table, column, grantee, privilege, grantable }) =>
        [
            `grant ${privilege} (${escapeIdentifier(column)}) on ${table}`,
            `to ${grantee === null ? "public" : escapeIdentifier(grantee)} ${grantable ? "with grant option" : ""}`,
        ].join(" "),
    );
    for (const grant of grants) await tryTo(admin, grant);
}

/** Roles that the stack makes itself before its first migration runs, and what it lets them do with tables from then on. */
export async function makeComingRoles(client: pg.Client, look: Look, coming: readonly string[]): Promise<string[]> {
    const missing = coming.filter(name => !look.roles.some(role => role.name === name));
    for (const name of missing) await client.query(`create role ${escapeIdentifier(name)}`);
    const { role, privilege } = laterTables;
    if (missing.includes(role)) {
        await client.query(`alter default privileges in schema public grant ${privilege} on tables to ${role}`);
    }
    return missing.length === 0
        ? []
        : [`roles that this stack is about to make were made first: ${missing.join(", ")}`];
}

function attributesOf({ attributes: a }: TargetRole): string {
    const flag = (on: boolean, name: string) => `${on ? "" : "no"}${name}`;
    return [
        flag(a.superuser, "superuser"),
        flag(a.inherit, "inherit"),
        flag(a.createRole, "createrole"),
        flag(a.createDatabase, "createdb"),
        flag(a.login, "login"),
        flag(a.replication, "replication"),
        flag(a.bypassRls, "bypassrls"),
        `connection limit ${a.connectionLimit}`,
        ...(a.validUntil === null ? [] : [`valid until ${escapeLiteral(a.validUntil)}`]),
    ].join(" ");
}

function grantOf({ role, member, grantor, admin, inherit, set }: Look["memberships"][number], major: number): string {
    const options =
        major >= 16
            ? `with admin ${admin}, inherit ${inherit ?? true}, set ${set ?? true}`
            : admin
              ? "with admin option"
              : "";
    const by = grantor ? `granted by ${escapeIdentifier(grantor)}` : "";
    return `grant ${escapeIdentifier(role)} to ${escapeIdentifier(member)} ${options} ${by}`;
}

async function tryTo(client: pg.Client, sql: string): Promise<string | undefined> {
    try {
        await client.query(sql);
        return undefined;
    } catch (error) {
        return (error as Error).message;
    }
}

/** As regrole writes it. */
function quoted(name: string): string {
    return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : escapeIdentifier(name);
}
