import { randomBytes } from "node:crypto";
import pg from "pg";
import type { PostgresMajor } from "../../local/cluster.ts";
import type { Environment } from "../../runner/database/connection.ts";
import { UserError } from "../../runner/userError.ts";
import type { Look } from "../look/look.ts";
import type { Progress } from "../trial/progress.ts";
import { fill } from "./fill.ts";
import { type Place, takePlace } from "./place.ts";
import { makeRoles } from "./roles.ts";
import { startServer } from "./server.ts";
import type { Shadow, ShadowNeeds } from "./shadow.ts";
import { standIns } from "./extensions.ts";

/** The majors that npm has for us. */
const majors: readonly number[] = [15, 17] satisfies PostgresMajor[];

/** Where the server counts statements for us: no part of the copy. */
const watchDatabase = "template1";

/**
 * Starts an embedded PostgreSQL of the target's major, on a free port of this machine, and copies the target's catalog
 * into it.
 *
 * @throws UserError why there can be none
 */
export async function embeddedShadow(
    environment: Environment,
    look: Look,
    { comingRoles, migrationTexts }: ShadowNeeds,
    progress: Progress,
): Promise<Shadow> {
    if (!majors.includes(look.major)) {
        throw new UserError(
            `the target is PostgreSQL ${look.major}, and the embedded ones are ${majors.join(" and ")}`,
        );
    }
    progress.enter(`starting a PostgreSQL ${look.major} as a shadow of the target`);
    const place = await takePlace();
    const clients: pg.Client[] = [];
    const end = async () => {
        await Promise.all(clients.map(client => client.end().catch(() => {})));
        await place.leave();
    };
    try {
        return await start(place, clients, end, { environment, look, comingRoles, migrationTexts, progress });
    } catch (error) {
        await end();
        throw error;
    }
}

async function start(
    place: Place,
    clients: pg.Client[],
    end: () => Promise<void>,
    given: ShadowNeeds & { environment: Environment; look: Look; progress: Progress },
): Promise<Shadow> {
    const { environment, look, comingRoles, migrationTexts, progress } = given;
    const major = look.major as PostgresMajor;
    const { postgres, gaps } = await standIns(place.folder, major, look.extensionFiles, migrationTexts);
    const server = await startServer(place, major, postgres);
    const login = async (user: string, password: string, database: string) => {
        const client = new pg.Client({ host: "127.0.0.1", port: server.port, user, password, database, ssl: false });
        client.on("error", () => {});
        await client.connect();
        clients.push(client);
        return client;
    };
    const watcher = await login(server.adminUser, server.adminPassword, watchDatabase);
    await watcher.query("create extension pg_stat_statements");
    const adminUser = await takeName(login, server, look.bootstrapRole);
    const maker = await login(adminUser, server.adminPassword, "postgres");
    const roleNotes = await makeRoles(maker, look, [adminUser]);
    const { name } = look.database;
    if (name !== "postgres") await maker.query(`create database ${pg.escapeIdentifier(name)} template template0`);
    const admin = await login(adminUser, server.adminPassword, name);
    progress.enter("copying the target's catalog into the shadow");
    const filled = await fill(admin, environment, look, {
        comingRoles,
        database: { name, shared: false },
        enter: async () => {
            const password = randomBytes(24).toString("base64url");
            const may = look.runsAs === look.login ? "" : "login";
            await admin.query(`alter role ${pg.escapeIdentifier(look.runsAs)} ${may} password '${password}'`);
            return await login(look.runsAs, password, name);
        },
    });
    const standInNotes = gaps.standIns.map(
        name => `the extension ${name} is not there for the shadow: a stand-in without content takes its place`,
    );
    return {
        client: filled.client,
        admin,
        watcher,
        database: name,
        proof: { level: "embedded shadow", notes: [...roleNotes, ...filled.notes, ...standInNotes] },
        made: `PostgreSQL ${look.major}, catalog copied by ${filled.copiedBy}`,
        gaps: { ...gaps, names: new Set([...gaps.names, ...filled.missing]) },
        isOwn: filled.isOwn,
        ...(filled.asPlatform ? { asPlatform: filled.asPlatform } : {}),
        end,
    };
}

/** The role that initdb made is called as on the target, since it owns and grants what nobody else does. */
async function takeName(
    login: (user: string, password: string, database: string) => Promise<pg.Client>,
    server: { adminUser: string; adminPassword: string },
    name: string,
): Promise<string> {
    if (name === server.adminUser) return name;
    const first = await login(server.adminUser, server.adminPassword, "postgres");
    await first.query(`create role shadow_renamer superuser login password '${server.adminPassword}'`);
    const renamer = await login("shadow_renamer", server.adminPassword, "postgres");
    // A name that changes takes its old form of password with it only where that was md5.
    await renamer.query(`alter role ${pg.escapeIdentifier(server.adminUser)} rename to ${pg.escapeIdentifier(name)}`);
    const renamed = await login(name, server.adminPassword, "postgres");
    await renamer.end();
    await renamed.query("drop role shadow_renamer");
    return name;
}
