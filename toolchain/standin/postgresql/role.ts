import { createHash } from "node:crypto";
import pg from "pg";
import { UserError } from "../../../runner/userError.ts";
import type { Checked, Difference, ReadState, ResourceKind } from "../provider.ts";
import { type Properties, plain, same, secret } from "../values.ts";
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
import { lockRole } from "./locks.ts";
import { asMemberOf, currentUser, isSuperuser } from "./membership.ts";

const ATTRIBUTES: Attributes = {
    name: { kind: "text", required: true },
    password: { kind: "text" },
    passwordWo: { kind: "text", official: true },
    passwordWoVersion: { kind: "text", official: true },
    encrypted: { kind: "text", official: true },
    encryptedPassword: { kind: "boolean", default: true },
    roles: { kind: "set" },
    searchPaths: { kind: "list" },
    validUntil: { kind: "text", default: "infinity" },
    connectionLimit: { kind: "number", default: -1, atLeast: -1 },
    superuser: { kind: "boolean", default: false },
    createDatabase: { kind: "boolean", default: false },
    createRole: { kind: "boolean", default: false },
    inherit: { kind: "boolean", default: true },
    login: { kind: "boolean", default: false },
    replication: { kind: "boolean", default: false },
    bypassRowLevelSecurity: { kind: "boolean", default: false },
    skipDropRole: { kind: "boolean", default: false },
    skipReassignOwned: { kind: "boolean", default: false },
    statementTimeout: { kind: "number", atLeast: 0 },
    idleInTransactionSessionTimeout: { kind: "number", atLeast: 0 },
    assumeRole: { kind: "text" },
};

/** The yes-or-no attributes of a role: property, word of CREATE ROLE. "NO" before the word says no. */
const OPTIONS = [
    ["superuser", "superuser"],
    ["createDatabase", "createdb"],
    ["createRole", "createrole"],
    ["inherit", "inherit"],
    ["login", "login"],
    ["bypassRowLevelSecurity", "bypassrls"],
    ["replication", "replication"],
] as const;

/** The attributes that are settings of the role: property, name of the setting. Zero or empty takes the setting back. */
const ROLE_SETTINGS = [
    ["statementTimeout", "statement_timeout"],
    ["idleInTransactionSessionTimeout", "idle_in_transaction_session_timeout"],
    ["assumeRole", "role"],
] as const;

const quoted = pg.escapeIdentifier;
const literal = pg.escapeLiteral;

/** `postgresql:index/role:Role` as the official plugin has it: see tests/standin/postgresql.test.ts. */
export class Role implements ResourceKind {
    readonly importable = true;
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
        const wanted = plain(inputs) as Properties;
        const name = text(wanted, "name");
        const outputs = await this.#connections().transaction(urn, "", async session => {
            const options = OPTIONS.map(([property, word]) => (wanted[property] ? word : `no${word}`));
            await execute(
                session,
                `error creating role ${name}`,
                `create role ${quoted(name)} with ${passwordOption(wanted)} valid until ${literal(text(wanted, "validUntil"))}
                 connection limit ${Number(wanted.connectionLimit)} ${options.join(" ")}`,
            );
            await grantRoles(session, name, texts(wanted, "roles"));
            await setSearchPath(session, name, texts(wanted, "searchPaths"));
            await setSettings(session, name, {}, wanted);
            return await this.#read(session, name, wanted);
        });
        if (outputs === undefined) throw new UserError(`role ${name} is gone right after it was created`);
        return { id: name, outputs };
    }

    async update(urn: string, oldOutputs: Properties, inputs: Properties): Promise<Properties> {
        const before = plain(oldOutputs) as Properties;
        const wanted = plain(inputs) as Properties;
        const name = text(wanted, "name");
        const outputs = await this.#connections().transaction(urn, "", async session => {
            const differs = (property: string) => !same(before[property], wanted[property]);
            const alter = (what: string) =>
                execute(session, `Error updating role ${name}`, `alter role ${quoted(name)} ${what}`);

            await lockRole(session, text(before, "name"));
            if (differs("name")) {
                const rename = `alter role ${quoted(text(before, "name"))} rename to ${quoted(name)}`;
                await execute(session, "Error updating role NAME", rename);
            }
            // A rename takes an md5 password away, so it is set again.
            if (differs("password") || differs("name")) await alter(`password ${literal(text(wanted, "password"))}`);
            if (differs("connectionLimit")) await alter(`connection limit ${Number(wanted.connectionLimit)}`);
            for (const [property, word] of OPTIONS) {
                if (differs(property)) await alter(`with ${wanted[property] ? word : `no${word}`}`);
            }
            if (differs("validUntil")) await alter(`valid until ${literal(text(wanted, "validUntil"))}`);
            // Whatever else changed: every membership is taken away, and those of `roles` are given again.
            await revokeRoles(session, name);
            await grantRoles(session, name, texts(wanted, "roles"));
            await setSearchPath(session, name, texts(wanted, "searchPaths"));
            await setSettings(session, name, before, wanted);
            return await this.#read(session, name, wanted);
        });
        if (outputs === undefined) throw new UserError(`role ${name} is gone right after it was updated`);
        return outputs;
    }

    async delete(urn: string, outputs: Properties): Promise<void> {
        const stored = plain(outputs) as Properties;
        const name = text(stored, "name");
        const connections = this.#connections();
        await connections.transaction(urn, "", async session => {
            await lockRole(session, name);
            if (!stored.skipReassignOwned) {
                const heir = connections.settings.databaseUsername;
                await asMemberOf(session, [name], async () => {
                    await execute(
                        session,
                        `could not reassign owned by role ${name} to ${heir}`,
                        `reassign owned by ${quoted(name)} to ${quoted(heir)}`,
                    );
                    await execute(session, `could not drop owned by role ${name}`, `drop owned by ${quoted(name)}`);
                });
            }
            if (!stored.skipDropRole) {
                await execute(session, `could not delete role ${name}`, `drop role ${quoted(name)}`);
            }
        });
    }

    async read(urn: string, id: string, outputs: Properties, inputs: Properties): Promise<ReadState | undefined> {
        const known = plain(outputs) as Properties;
        const found = await this.#connections().transaction(urn, "", session => this.#read(session, id, known));
        return found && { outputs: found, inputs: refreshedInputs(ATTRIBUTES, found, inputs) };
    }

    /** The role as it is in the catalog, beside what only the state can know. */
    async #read(session: Session, name: string, known: Properties): Promise<Properties | undefined> {
        const { rows } = await session.query<Record<string, unknown> & { config: string[]; roles: string[] }>(
            `select rolname as "name", rolconnlimit as "connectionLimit", rolcreatedb as "createDatabase",
                    rolcreaterole as "createRole", rolinherit as inherit, rolcanlogin as login, rolsuper as superuser,
                    rolreplication as replication, rolbypassrls as "bypassRowLevelSecurity",
                    coalesce(rolvaliduntil::text, 'infinity') as "validUntil", coalesce(rolconfig, '{}') as config,
                    array(select distinct pg_get_userbyid(roleid)::text from pg_auth_members where member = r.oid) as roles
             from pg_roles r where rolname = $1`,
            [name],
        );
        if (rows[0] === undefined) return undefined;
        const { config, roles, ...found } = rows[0];
        const password = await this.#readPassword(session, name, Boolean(found.login), text(known, "password"));
        const searchPath = settingOf(config, "search_path");
        return {
            ...found,
            encryptedPassword: true,
            roles: inKnownOrder(texts(known, "roles"), roles),
            searchPaths: searchPath === undefined ? [] : searchPath.split(", ").map(part => part.replaceAll('"', "")),
            statementTimeout: Number(settingOf(config, "statement_timeout") ?? 0),
            idleInTransactionSessionTimeout: Number(settingOf(config, "idle_in_transaction_session_timeout") ?? 0),
            assumeRole: settingOf(config, "role")?.replaceAll('"', "") ?? "",
            skipDropRole: Boolean(known.skipDropRole),
            skipReassignOwned: Boolean(known.skipReassignOwned),
            ...(password === "" ? {} : { password: secret(password) }),
        };
    }

    /** Only a superuser can see passwords; `superuser: false` of the provider says not to try. */
    async #readPassword(session: Session, role: string, canLogin: boolean, known: string): Promise<string> {
        if (!canLogin || !this.#connections().settings.superuser) return known;
        const user = await currentUser(session);
        if (!(await isSuperuser(session, user))) {
            throw new UserError(
                `could not read role password from Postgres as connected user ${user} is not a SUPERUSER`,
                ["set `superuser: false` on the provider, so that it does not try to"],
            );
        }
        const { rows } = await session.query<{ passwd: string }>(
            "select coalesce(passwd, '') as passwd from pg_shadow where usename = $1",
            [role],
        );
        const stored = rows[0]?.passwd ?? "";
        const isHash = known.startsWith("md5") || known.startsWith("SCRAM-SHA-256");
        if (known === "" || isHash) return stored;
        if (stored.startsWith("SCRAM-SHA-256")) return known;
        const md5 = `md5${createHash("md5")
            .update(known + role)
            .digest("hex")}`;
        return stored === md5 ? known : stored;
    }
}

function passwordOption(wanted: Properties): string {
    const password = text(wanted, "password");
    if (password === "") return "";
    if (password.toUpperCase() === "NULL") return "password null";
    return `${wanted.encryptedPassword ? "" : "un"}encrypted password ${literal(password)}`;
}

async function revokeRoles(session: Session, role: string): Promise<void> {
    const { rows } = await session.query<{ granted: string }>(
        `select distinct pg_get_userbyid(roleid)::text as granted
         from pg_auth_members join pg_roles on member = pg_roles.oid where rolname = $1`,
        [role],
    );
    for (const { granted } of rows) {
        const doing = `could not revoke role ${granted} from ${role}`;
        await execute(session, doing, `revoke ${quoted(granted)} from ${quoted(role)}`);
    }
}

async function grantRoles(session: Session, role: string, roles: readonly string[]): Promise<void> {
    for (const granted of roles) {
        const doing = `could not grant role ${granted} to ${role}`;
        await execute(session, doing, `grant ${quoted(granted)} to ${quoted(role)}`);
    }
}

async function setSearchPath(session: Session, role: string, paths: readonly string[]): Promise<void> {
    const impossible = paths.find(path => path.includes(", "));
    if (impossible !== undefined) throw new UserError(`search_path cannot contain \`, \`: ${impossible}`);
    const value = paths.length > 0 ? paths.map(quoted).join(", ") : "default";
    const doing = `could not set search_path ${value} for ${role}`;
    await execute(session, doing, `alter role ${quoted(role)} set search_path to ${value}`);
}

async function setSettings(session: Session, role: string, before: Properties, wanted: Properties): Promise<void> {
    for (const [property, setting] of ROLE_SETTINGS) {
        const value = wanted[property] || undefined;
        if (same(before[property] || undefined, value)) continue;
        const what = value === undefined ? `reset ${setting}` : `set ${setting} to ${literal(String(value))}`;
        await execute(session, `could not ${what} for ${role}`, `alter role ${quoted(role)} ${what}`);
    }
}

function settingOf(config: readonly string[], name: string): string | undefined {
    return config.find(entry => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}
