import pg from "pg";
import { UserError } from "../../../runner/userError.ts";
import { execute, type Session } from "./connection.ts";

const quoted = pg.escapeIdentifier;

/**
 * Runs `work` while the connected user is a member of `roles`, and takes those memberships back that were given for it.
 * A user who is no superuser may only act on what a role owns while it is a member of that role; superusers need none of it.
 */
export async function asMemberOf(session: Session, roles: readonly string[], work: () => Promise<void>): Promise<void> {
    const user = await currentUser(session);
    if (roles.length === 0 || (await isSuperuser(session, user))) return await work();

    const given: string[] = [];
    const taken: string[] = [];
    for (const role of roles) {
        // Nobody but a superuser may give away membership in one.
        if (await isSuperuser(session, role)) continue;
        // Membership cannot go both ways at once: one that stands in the way is lifted for the time of the work.
        if (await revoke(session, user, role)) taken.push(role);
        if (await grant(session, role, user)) given.push(role);
    }
    await work();
    for (const role of given) await revoke(session, role, user);
    for (const role of taken) if (await roleExists(session, role)) await grant(session, user, role);
}

/** Whether a role of that name exists. */
async function roleExists(session: Session, role: string): Promise<boolean> {
    return (await session.query("select from pg_roles where rolname = $1", [role])).rows.length > 0;
}

/** Whether a role is a superuser; a role that does not exist is an error. */
export async function isSuperuser(session: Session, role: string): Promise<boolean> {
    const { rows } = await session.query<{ rolsuper: boolean }>("select rolsuper from pg_roles where rolname = $1", [
        role,
    ]);
    if (rows[0] === undefined)
        throw new UserError(`could not check if role ${role} is superuser: there is no such role`);
    return rows[0].rolsuper;
}

/** The role that the session acts as. */
export async function currentUser(session: Session): Promise<string> {
    const { rows } = await session.query<{ current_user: string }>("select current_user");
    return rows[0]?.current_user ?? "";
}

async function grant(session: Session, role: string, member: string): Promise<boolean> {
    if (role === member || (await isMember(session, role, member))) return false;
    await execute(session, `Error granting role ${role} to ${member}`, `grant ${quoted(role)} to ${quoted(member)}`);
    return true;
}

async function revoke(session: Session, role: string, member: string): Promise<boolean> {
    if (role === member || !(await isMember(session, role, member))) return false;
    await execute(
        session,
        `Error revoking role ${role} from ${member}`,
        `revoke ${quoted(role)} from ${quoted(member)}`,
    );
    return true;
}

/** Since PostgreSQL 16 who creates a role becomes its member without the right to act as it, which is not enough here. */
async function isMember(session: Session, role: string, member: string): Promise<boolean> {
    const { rows } = await session.query(
        `select from pg_auth_members m
         where pg_get_userbyid(roleid) = $1 and pg_get_userbyid(member) = $2
           and coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)`,
        [role, member],
    );
    return rows.length > 0;
}
