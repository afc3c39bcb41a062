import type { Session } from "./connection.ts";

/** Where privileges are given: the parts of a grant that name existing things. */
export interface Target {
    readonly role: string;
    readonly database: string;
    readonly schema: string;
    readonly objectType: string;
}

/** The role that stands for everybody and that no catalog lists. */
const PUBLIC = "public";

/** The oid of the role in access lists; undefined when there is no such role. */
export async function granteeOid(session: Session, role: string): Promise<number | undefined> {
    if (role === PUBLIC) return 0;
    const { rows } = await session.query<{ oid: number }>("select oid from pg_roles where rolname = $1", [role]);
    return rows[0]?.oid;
}

/** Whether role and schema are there. The database is: the session is in it. */
export async function targetExists(session: Session, target: Target): Promise<boolean> {
    if ((await granteeOid(session, target.role)) === undefined) return false;
    if (target.schema === "" || target.objectType === "database") return true;
    const { rows } = await session.query("select from pg_namespace where nspname = $1", [target.schema]);
    return rows.length > 0;
}
