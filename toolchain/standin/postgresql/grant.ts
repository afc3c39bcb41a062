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
    sameSet,
    text,
    texts,
} from "./attributes.ts";
import { type Connections, execute, type Session } from "./connection.ts";
import { granteeOid, type Target, targetExists } from "./grantTarget.ts";
import { lockDatabase, lockRole } from "./locks.ts";
import { asMemberOf } from "./membership.ts";
import { arePrivileges, checkPrivileges } from "./privileges.ts";

const OBJECT_TYPES = ["database", "function", "procedure", "routine", "schema", "sequence", "table", "column"];

const ATTRIBUTES: Attributes = {
    role: { kind: "text", required: true, replaces: true },
    database: { kind: "text", required: true, replaces: true },
    schema: { kind: "text", replaces: true },
    objectType: { kind: "text", required: true, replaces: true, oneOf: OBJECT_TYPES },
    objects: { kind: "set", replaces: true },
    columns: { kind: "set", replaces: true },
    privileges: { kind: "set", required: true },
    withGrantOption: { kind: "boolean", default: false, replaces: true },
};

interface Wanted extends Target {
    /** Empty: all objects of the type in the schema. */
    readonly objects: readonly string[];
    readonly columns: readonly string[];
    readonly privileges: readonly string[];
    readonly withGrantOption: boolean;
}

const quoted = pg.escapeIdentifier;

/** `postgresql:index/grant:Grant` as the official plugin has it: see tests/standin/postgresql.test.ts. */
export class Grant implements ResourceKind {
    readonly #connections: () => Connections;

    constructor(connections: () => Connections) {
        this.#connections = connections;
    }

    check(_urn: string, inputs: Properties): Checked {
        return checkAttributes(ATTRIBUTES, inputs);
    }

    diff(outputs: Properties, _oldInputs: Properties, inputs: Properties): Difference {
        // Granted anew before the old grant is revoked, a replaced grant would be gone.
        return { ...diffAttributes(ATTRIBUTES, outputs, inputs), deleteFirst: true };
    }

    foresee(inputs: Properties): Properties {
        return inputs;
    }

    async create(urn: string, inputs: Properties) {
        const wanted = wantedOf(inputs);
        const outputs = await this.#apply(urn, wanted, wanted.privileges, inputs);
        return { id: idOf(wanted), outputs };
    }

    async update(urn: string, outputs: Properties, inputs: Properties): Promise<Properties> {
        return await this.#apply(urn, wantedOf(inputs), wantedOf(outputs).privileges, inputs);
    }

    async delete(urn: string, outputs: Properties): Promise<void> {
        const stored = wantedOf(outputs);
        await this.#connections().transaction(urn, stored.database, async session => {
            await this.#lock(session, stored);
            await asMemberOf(session, await ownersOf(session, stored), () =>
                revoke(session, stored, stored.privileges),
            );
        });
    }

    async read(urn: string, _id: string, outputs: Properties, inputs: Properties): Promise<ReadState | undefined> {
        const stored = wantedOf(outputs);
        return await this.#connections().transaction(urn, stored.database, async session => {
            if (!(await targetExists(session, stored))) return undefined;
            const found = { ...outputs, ...(await drift(session, stored)) };
            return { outputs: found, inputs: refreshedInputs(ATTRIBUTES, found, inputs) };
        });
    }

    /** Takes the privileges of before away and gives the wanted ones, in one transaction: nobody ever lacks both. */
    async #apply(urn: string, wanted: Wanted, before: readonly string[], inputs: Properties): Promise<Properties> {
        checkShape(wanted);
        const connections = this.#connections();
        await connections.transaction(urn, wanted.database, async session => {
            await this.#lock(session, wanted);
            await asMemberOf(session, await ownersOf(session, wanted), async () => {
                await revoke(session, wanted, before);
                await give(session, wanted);
            });
        });
        const changed = await connections.transaction(urn, wanted.database, session => drift(session, wanted));
        return { ...inputs, ...changed };
    }

    async #lock(session: Session, { role, objectType, database }: Wanted): Promise<void> {
        await lockRole(session, role);
        if (objectType === "database") await lockDatabase(session, database);
    }
}

function wantedOf(properties: Properties): Wanted {
    const values = plain(properties) as Properties;
    return {
        role: text(values, "role"),
        database: text(values, "database"),
        schema: text(values, "schema"),
        objectType: text(values, "objectType"),
        objects: texts(values, "objects"),
        columns: texts(values, "columns"),
        privileges: texts(values, "privileges"),
        withGrantOption: Boolean(values.withGrantOption),
    };
}

function idOf({ role, database, schema, objectType, objects, columns }: Wanted): string {
    const place = objectType === "database" ? [role, database] : [role, database, schema];
    return [...place, objectType, ...objects, ...columns].join("_");
}

function checkShape({ schema, objectType, objects, columns, privileges }: Wanted): void {
    const isColumn = objectType === "column";
    const wrong = [
        schema === "" && objectType !== "database" && "parameter 'schema' is mandatory for postgresql_grant resource",
        objects.length > 0 &&
            (objectType === "database" || objectType === "schema") &&
            "cannot specify `objects` when `object_type` is `database` or `schema`",
        columns.length > 0 && !isColumn && "cannot specify `columns` when `object_type` is not `column`",
        columns.length === 0 && isColumn && "must specify `columns` when `object_type` is `column`",
        privileges.length !== 1 && isColumn && "must specify exactly 1 `privileges` when `object_type` is `column`",
        objects.length !== 1 &&
            isColumn &&
            "must specify exactly 1 table in the `objects` field when `object_type` is `column`",
    ].find(reason => reason !== false);
    if (wrong) throw new UserError(wrong);
    checkPrivileges(objectType, privileges);
}

/** Whose objects are touched: the schema's owner and, for what is in it, those of its tables. */
async function ownersOf(session: Session, { objectType, schema }: Wanted): Promise<string[]> {
    if (objectType === "database") return [];
    const tables = await session.query<{ owner: string }>(
        "select distinct tableowner::text as owner from pg_tables where schemaname = $1",
        [schema],
    );
    const schemas = await session.query<{ owner: string }>(
        `select case pg_get_userbyid(nspowner)
                    when 'pg_database_owner'
                    then (select pg_get_userbyid(datdba) from pg_database where datname = current_database())
                    else pg_get_userbyid(nspowner)
                end::text as owner
         from pg_namespace where nspname = $1`,
        [schema],
    );
    if (schemas.rows.length === 0) {
        throw new UserError(`could not find schema '${schema}' while looking for owner`);
    }
    const rows = objectType === "schema" ? schemas.rows : [...tables.rows, ...schemas.rows];
    return [...new Set(rows.map(({ owner }) => owner))];
}

async function give(session: Session, wanted: Wanted): Promise<void> {
    if (wanted.privileges.length === 0) return;
    const option = wanted.withGrantOption ? " with grant option" : "";
    const on = placeOf(wanted, wanted.privileges.join(", "));
    await execute(session, "could not execute grant query", `grant ${on} to ${quoted(wanted.role)}${option}`);
}

async function revoke(session: Session, wanted: Wanted, privileges: readonly string[]): Promise<void> {
    const { objectType, objects, columns, role } = wanted;
    if (objectType === "column" && (privileges.length === 0 || columns.length === 0)) return;
    // Named objects lose the named privileges only: "all" would take the grants on single columns along.
    const named = objectType === "column" || (objects.length > 0 && privileges.length > 0);
    const on = placeOf(wanted, named ? privileges.join(", ") : "all privileges");
    await execute(session, "could not execute revoke query", `revoke ${on} from ${quoted(role)}`);
}

/** "select on table public.a, public.b": the part that grant and revoke share. */
function placeOf({ objectType, database, schema, objects, columns }: Wanted, privileges: string): string {
    const names = objects.map(object => `${quoted(schema)}.${quotedObject(object)}`).join(", ");
    switch (objectType) {
        case "database":
            return `${privileges} on database ${quoted(database)}`;
        case "schema":
            return `${privileges} on schema ${quoted(schema)}`;
        case "column":
            return `${privileges} (${columns.map(quoted).join(", ")}) on table ${names}`;
        default:
            return objects.length > 0
                ? `${privileges} on ${objectType} ${names}`
                : `${privileges} on all ${objectType}s in schema ${quoted(schema)}`;
    }
}

/** A function may be named with its arguments, which are no part of its name. */
function quotedObject(object: string): string {
    const [name = "", args] = object.split("(");
    return quoted(name) + (args === undefined ? "" : `(${args}`);
}

/** What the catalog has that differs from what is known, as the properties to overwrite. */
async function drift(session: Session, known: Wanted): Promise<Properties> {
    const grantee = await granteeOid(session, known.role);
    if (grantee === undefined) throw new UserError(`could not find oid for role ${known.role}`);
    if (known.objectType === "column") return await columnDrift(session, grantee, known);

    const version = await session.query<{ number: string }>("select current_setting('server_version_num') as number");
    const serverVersion = Number(version.rows[0]?.number);
    for (const { name, privileges } of await privilegesOf(session, grantee, known)) {
        if (known.objects.length > 0 && !known.objects.includes(name)) continue;
        // One object that differs is enough: giving the privileges anew mends all.
        if (!arePrivileges(known.objectType, known.privileges, privileges, serverVersion)) return { privileges };
    }
    return {};
}

/** The privileges of a role on each object of the type; an object without any is there with none. */
async function privilegesOf(session: Session, grantee: number, { objectType, database, schema }: Wanted) {
    const granted = (acl: string) =>
        `array(select distinct privilege_type from aclexplode(${acl}) where grantee = $1 order by 1) as privileges`;
    const { rows } = await (() => {
        switch (objectType) {
            case "database":
                return session.query<Granted>(
                    `select datname::text as name, ${granted("datacl")} from pg_database where datname = $2`,
                    [grantee, database],
                );
            case "schema":
                return session.query<Granted>(
                    `select nspname::text as name, ${granted("nspacl")} from pg_namespace where nspname = $2`,
                    [grantee, schema],
                );
            case "function":
            case "procedure":
            case "routine":
                return session.query<Granted>(
                    `select proname::text as name, array_remove(array_agg(distinct privilege_type), null) as privileges
                     from pg_proc left join lateral
                          (select privilege_type from aclexplode(proacl) where grantee = $1) as acl on true
                     where pronamespace = (select oid from pg_namespace where nspname = $2)
                     group by proname order by proname`,
                    [grantee, schema],
                );
            default:
                return session.query<Granted>(
                    `select relname::text as name, ${granted("relacl")} from pg_class
                     where relnamespace = (select oid from pg_namespace where nspname = $2) and relkind = $3
                     order by relname`,
                    [grantee, schema, objectType === "sequence" ? "S" : "r"],
                );
        }
    })();
    return rows;
}

interface Granted {
    readonly name: string;
    readonly privileges: string[];
}

async function columnDrift(session: Session, grantee: number, known: Wanted): Promise<Properties> {
    const { rows } = await session.query<{ name: string }>(
        `select distinct attname::text as name
         from pg_attribute join pg_class on pg_class.oid = attrelid, aclexplode(attacl)
         where relnamespace = (select oid from pg_namespace where nspname = $2) and relname = $3 and relkind = 'r'
           and grantee = $1 and privilege_type = $4`,
        [grantee, known.schema, known.objects[0], known.privileges[0]],
    );
    const found = rows.map(({ name }) => name).filter(name => known.columns.includes(name));
    return sameSet(found, known.columns) ? {} : { columns: inKnownOrder(known.columns, found) };
}
