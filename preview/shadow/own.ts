import { randomUUID } from "node:crypto";
import pg from "pg";
import { connect, type Environment } from "../../runner/database/connection.ts";
import { readIdentity } from "../../runner/database/identity.ts";
import { UserError } from "../../runner/userError.ts";
import type { Look } from "../look/look.ts";
import type { Progress } from "../trial/progress.ts";
import { copyCatalog, moveIn } from "./fill.ts";
import { platformOf } from "./platform.ts";
import { makeRoles } from "./roles.ts";
import type { Shadow, ShadowNeeds } from "./shadow.ts";

/** One preview at a time: roles belong to the whole server. The first bytes of sha256("simulation-db shadow"). */
const lockKey = "6124095238839144177";
const lockSeconds = 120;

const prefix = "simulation_db_shadow_";

/** shadowUrl points at the target: nothing may go on. */
export class ShadowIsTarget extends UserError {}

/**
 * Makes a database with the target's catalog on a server of the user's own, for example Supabase's own image with all
 * its extensions. Database and roles are dropped at the end; those of a preview that was killed, by the next one.
 *
 * @throws ShadowIsTarget
 * @throws UserError why this server cannot be used
 */
export async function yourShadow(
    shadowUrl: string,
    target: Environment,
    look: Look,
    needs: ShadowNeeds,
    progress: Progress,
): Promise<Shadow> {
    progress.enter("reaching shadow");
    const environment = environmentOf(shadowUrl);
    const server = await connect(environment, "shadow");
    try {
        await requireFit(server, look);
        const before = await lockAndClearUp(server);
        await requireLesserRole(server, look);
        return await make(server, before, { environment, target, look, needs, progress });
    } catch (error) {
        await server.end().catch(() => {});
        throw error;
    }
}

function environmentOf(shadowUrl: string): Environment {
    let url: URL;
    try {
        url = new URL(shadowUrl);
    } catch {
        throw new UserError(
            "SIMULATION_DB_SHADOW_URL is not a URI: expected postgresql://user:password@host:port/database",
        );
    }
    return {
        ...process.env,
        PGHOST: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, "$1"),
        PGPORT: url.port || "5432",
        PGUSER: decodeURIComponent(url.username),
        PGPASSWORD: decodeURIComponent(url.password),
        PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
        PGSSLMODE: url.searchParams.get("sslmode") ?? "",
        PGSSLROOTCERT: url.searchParams.get("sslrootcert") ?? "",
    };
}

async function requireFit(server: pg.Client, look: Look): Promise<void> {
    const [system] = (await readIdentity(server)).split("/");
    if (system === look.identity.split("/")[0]) {
        throw new ShadowIsTarget(
            "SIMULATION_DB_SHADOW_URL is a database of the target's own server: a shadow is written to.",
            ["name another server, or take the variable out: an embedded PostgreSQL then takes its place"],
        );
    }
    const { rows } = await server.query<{ major: number; superuser: boolean }>(
        `select current_setting('server_version_num')::int / 10000 as major,
                (select rolsuper from pg_catalog.pg_roles where rolname = session_user) as superuser`,
    );
    const { major = 0, superuser = false } = rows[0] ?? {};
    if (major !== look.major) {
        throw new UserError(
            `the server of SIMULATION_DB_SHADOW_URL is PostgreSQL ${major}, and the target is ${look.major}`,
        );
    }
    if (!superuser)
        throw new UserError("the login of SIMULATION_DB_SHADOW_URL is no superuser: it cannot make the target's roles");
}

/** Roles that are there stay as they are, and the server's first one cannot even be made a lesser one. */
async function requireLesserRole(server: pg.Client, { runsAs, roles }: Look): Promise<void> {
    if (roles.some(({ name, attributes }) => name === runsAs && attributes.superuser)) return;
    const { rowCount } = await server.query("select from pg_catalog.pg_roles where rolname = $1 and rolsuper", [
        runsAs,
    ]);
    if (rowCount !== 0) {
        throw new UserError(
            `${runsAs}, which runs the migrations, is a superuser on the server of SIMULATION_DB_SHADOW_URL and not on the target: no missing right would be seen there`,
            ["name a server whose superuser is called otherwise: POSTGRES_USER of PostgreSQL's image, -U of initdb"],
        );
    }
}

/** @returns the roles that were there before any shadow */
async function lockAndClearUp(server: pg.Client): Promise<string[]> {
    await server.query(`set lock_timeout = '${lockSeconds}s'`);
    await server.query("select pg_advisory_lock($1)", [lockKey]).catch((error: pg.DatabaseError) => {
        if (error.code !== "55P03") throw error;
        throw new UserError(
            `another preview has held the server of SIMULATION_DB_SHADOW_URL for over ${lockSeconds} s`,
        );
    });
    // Whoever made these is gone: the lock was free.
    const { rows } = await server.query<{ name: string; roles: string | null }>(
        `select datname as name, shobj_description(oid, 'pg_database') as roles
         from pg_catalog.pg_database where starts_with(datname, $1)`,
        [prefix],
    );
    for (const { name, roles } of rows) await remove(server, name, roles === null ? undefined : parsed(roles));
    const { rows: now } = await server.query<{ name: string }>("select rolname as name from pg_catalog.pg_roles");
    return now.map(({ name }) => name);
}

function parsed(text: string): string[] | undefined {
    try {
        return (JSON.parse(text) as { before: string[] }).before;
    } catch {
        return undefined;
    }
}

/** @param before roles that stay; undefined: nobody knows which, so all do */
async function remove(server: pg.Client, database: string, before: readonly string[] | undefined): Promise<void> {
    // Roles last: as long as the database is there, its comment says which ones they are.
    const drop = () => server.query(`drop database if exists ${pg.escapeIdentifier(database)} with (force)`);
    await server.query(`alter database ${pg.escapeIdentifier(database)} is_template false`).catch(() => {});
    if (before === undefined) {
        await drop();
        return;
    }
    await drop();
    for (let left = Infinity; ;) {
        const { rows } = await server.query<{ name: string }>(
            "select rolname as name from pg_catalog.pg_roles where rolname <> all ($1)",
            [before],
        );
        // Who has granted something to others goes after them.
        if (rows.length === 0 || rows.length >= left) return;
        left = rows.length;
        for (const { name } of rows) {
            await server.query(`drop role ${pg.escapeIdentifier(name)}`).catch(() => {});
        }
    }
}

async function make(
    server: pg.Client,
    before: readonly string[],
    given: { environment: Environment; target: Environment; look: Look; needs: ShadowNeeds; progress: Progress },
): Promise<Shadow> {
    const { environment, target, look, needs, progress } = given;
    const name = prefix + randomUUID().replaceAll("-", "").slice(0, 16);
    const clients: pg.Client[] = [];
    const end = async () => {
        await Promise.all(clients.map(client => client.end().catch(() => {})));
        await remove(server, name, before);
        await server.end().catch(() => {});
    };
    const login = async () => {
        const client = await connect({ ...environment, PGDATABASE: name }, "shadow");
        clients.push(client);
        return client;
    };
    try {
        await server.query(`create database ${name} template template0 encoding 'UTF8'`);
        await server.query(`comment on database ${name} is ${pg.escapeLiteral(JSON.stringify({ before }))}`);
        const roleNotes = await makeRoles(server, look, before);
        const admin = await login();
        progress.enter("copying catalog");
        const database = { name, shared: true };
        const copy = await copyCatalog(admin, target, look, database);
        const { client, notes, missing } = await moveIn(admin, look, {
            comingRoles: needs.comingRoles,
            database,
            // The role may be somebody's on this server, so it keeps its password, and is taken on without one.
            enter: async () => {
                const client = await login();
                await client.query(`set session authorization ${pg.escapeIdentifier(look.runsAs)}`);
                return client;
            },
        });
        const extensions = await missingExtensions(admin, look);
        return {
            ...platformOf(look),
            client,
            admin,
            database: name,
            proof: { level: "your shadow", notes: [...roleNotes, ...copy.notes, ...notes] },
            made: `PostgreSQL ${look.major}, catalog copied by ${copy.copiedBy}`,
            gaps: { ...extensions, names: new Set([...extensions.names, ...copy.missing, ...missing]) },
            end,
        };
    } catch (error) {
        await end();
        throw error;
    }
}

async function missingExtensions(admin: pg.Client, look: Look): Promise<Shadow["gaps"]> {
    const { rows } = await admin.query<{ name: string }>("select name from pg_catalog.pg_available_extensions");
    const here = new Set(rows.map(({ name }) => name));
    const missing = look.extensionFiles.filter(({ name }) => !here.has(name));
    return {
        standIns: missing.filter(({ installed }) => installed).map(({ name }) => name),
        names: new Set(missing.flatMap(({ name, names }) => [name, ...names])),
        unknownContent: false,
    };
}
