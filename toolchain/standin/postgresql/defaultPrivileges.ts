import pg from "pg";
import { UserError } from "../../../runner/userError.ts";
import type { Checked, Difference, ReadState, ResourceKind } from "../provider.ts";
import { type Properties, plain } from "../values.ts";
import {
    type Attributes,
    checkAttributes,
    diffAttributes,
    inKnownOrder,
    refreshedInputs,
    text,
    texts,
} from "./attributes.ts";
import { type Connections, execute, type Session } from "./connection.ts";
import { granteeOid, type Target, targetExists } from "./grantTarget.ts";
import { lockRole } from "./locks.ts";
import { asMemberOf } from "./membership.ts";
import { checkPrivileges } from "./privileges.ts";

/** The types of objects that have default privileges, with their letter in the catalog. */
const OBJECT_TYPES: Readonly<Record<string, string>> = {
    table: "r",
    sequence: "S",
    function: "f",
    routine: "f",
    type: "T",
    schema: "n",
};

const ATTRIBUTES: Attributes = {
    role: { kind: "text", required: true, replaces: true },
    database: { kind: "text", required: true, replaces: true },
    owner: { kind: "text", required: true, replaces: true },
    schema: { kind: "text", replaces: true },
    objectType: { kind: "text", required: true, replaces: true, oneOf: Object.keys(OBJECT_TYPES) },
    privileges: { kind: "set", required: true },
    withGrantOption: { kind: "boolean", default: false, replaces: true },
};

interface Wanted extends Target {
    readonly owner: string;
    readonly privileges: readonly string[];
    readonly withGrantOption: boolean;
}

const quoted = pg.escapeIdentifier;

/** `postgresql:index/defaultPrivileges:DefaultPrivileges` as the official plugin has it: see tests/standin/postgresql.test.ts. */
export class DefaultPrivileges implements ResourceKind {
    readonly #connections: () => Connections;

    constructor(connections: () => Connections) {
        this.#connections = connections;
    }

    check(_urn: string, inputs: Properties): Checked {
        return checkAttributes(ATTRIBUTES, inputs);
    }

    diff(outputs: Properties, _oldInputs: Properties, inputs: Properties): Difference {
        return diffAttributes(ATTRIBUTES, outputs, inputs);
    }

    foresee(inputs: Properties): Properties {
        return inputs;
    }

    async create(urn: string, inputs: Properties) {
        return { id: idOf(wantedOf(inputs)), outputs: await this.#apply(urn, inputs) };
    }

    async update(urn: string, _outputs: Properties, inputs: Properties): Promise<Properties> {
        return await this.#apply(urn, inputs);
    }

    async delete(urn: string, outputs: Properties): Promise<void> {
        const stored = wantedOf(outputs);
        await this.#connections().transaction(urn, stored.database, async session => {
            await lockRole(session, stored.owner);
            await asMemberOf(session, [stored.owner], () => revokeAll(session, stored));
        });
    }

    async read(urn: string, _id: string, outputs: Properties, inputs: Properties): Promise<ReadState | undefined> {
        const stored = wantedOf(outputs);
        return await this.#connections().transaction(urn, stored.database, async session => {
            if (!(await targetExists(session, stored))) return undefined;
            const privileges = await privilegesOf(session, stored);
            // None left where some are known means that somebody took the whole thing away.
            if (privileges.length === 0 && stored.privileges.length > 0) return undefined;
            const found = { ...outputs, privileges: inKnownOrder(stored.privileges, privileges) };
            return { outputs: found, inputs: refreshedInputs(ATTRIBUTES, found, inputs) };
        });
    }

    async #apply(urn: string, inputs: Properties): Promise<Properties> {
        const wanted = wantedOf(inputs);
        const { role, schema, objectType, withGrantOption } = wanted;
        if (schema !== "" && objectType === "schema") {
            throw new UserError("cannot specify `schema` when `object_type` is `schema`");
        }
        if (withGrantOption && role.toLowerCase() === "public") {
            throw new UserError("with_grant_option cannot be true for role 'public'");
        }
        checkPrivileges(objectType, wanted.privileges);

        const connections = this.#connections();
        await connections.transaction(urn, wanted.database, async session => {
            await lockRole(session, wanted.owner);
            await asMemberOf(session, [wanted.owner], async () => {
                await revokeAll(session, wanted);
                await give(session, wanted);
            });
        });
        const found = await connections.transaction(urn, wanted.database, async session => {
            await lockRole(session, wanted.owner);
            return await privilegesOf(session, wanted);
        });
        return { ...inputs, privileges: inKnownOrder(wanted.privileges, found) };
    }
}

function wantedOf(properties: Properties): Wanted {
    const values = plain(properties) as Properties;
    return {
        role: text(values, "role"),
        database: text(values, "database"),
        owner: text(values, "owner"),
        schema: text(values, "schema"),
        objectType: text(values, "objectType"),
        privileges: texts(values, "privileges"),
        withGrantOption: Boolean(values.withGrantOption),
    };
}

function idOf({ role, database, schema, owner, objectType }: Wanted): string {
    return [role, database, schema || "noschema", owner, objectType].join("_");
}

async function give(session: Session, wanted: Wanted): Promise<void> {
    const { role, objectType, privileges, withGrantOption } = wanted;
    if (privileges.length === 0) return;
    await execute(
        session,
        "could not alter default privileges",
        `alter default privileges ${scopeOf(wanted)} grant ${privileges.join(", ")} on ${objectType}s to ${quoted(role)}
         ${withGrantOption ? "with grant option" : ""}`,
    );
}

async function revokeAll(session: Session, wanted: Wanted): Promise<void> {
    await execute(
        session,
        "could not revoke default privileges",
        `alter default privileges ${scopeOf(wanted)} revoke all on ${wanted.objectType}s from ${quoted(wanted.role)}`,
    );
}

function scopeOf({ owner, schema }: Wanted): string {
    return `for role ${quoted(owner)}${schema === "" ? "" : ` in schema ${quoted(schema)}`}`;
}

/** What the role gets on new objects of that owner there, besides what PostgreSQL gives everybody of itself. */
async function privilegesOf(session: Session, { role, owner, schema, objectType }: Wanted): Promise<string[]> {
    const grantee = await granteeOid(session, role);
    if (grantee === undefined) throw new UserError(`could not find oid for role ${role}`);
    const { rows } = await session.query<{ privilege: string }>(
        `select distinct privilege_type as privilege
         from pg_default_acl, aclexplode(defaclacl)
         where defaclobjtype = $1 and grantee = $2 and pg_get_userbyid(grantor) = $3
           and defaclnamespace = case $4::text when '' then 0 else (select oid from pg_namespace where nspname = $4) end
         order by 1`,
        [OBJECT_TYPES[objectType], grantee, owner, schema],
    );
    return rows.map(({ privilege }) => privilege);
}
