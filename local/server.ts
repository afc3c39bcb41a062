import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import pg from "pg";
import type { Say } from "../runner/output.ts";
import { UserError } from "../runner/userError.ts";
import { applyBaseline, type BaselineShape } from "./baseline.ts";
import { type Cluster, initCluster, type PostgresMajor, startCluster, stopCluster } from "./cluster.ts";
import { withFileLock } from "./fileLock.ts";
import { keepLogSmall } from "./log.ts";
import { postgresBinaries } from "./postgresBinaries.ts";
import { livingPostmaster } from "./postmasterPid.ts";
import { callerHome, runtimeHome } from "./runtimeHome.ts";
import { type LocalSecrets, localSecrets } from "./secrets.ts";
import { passableFolder } from "./serviceUser.ts";
import { startStorageDaemon, stopStorageDaemon } from "./storageDaemon.ts";

/** What a program needs to use the embedded default. */
export interface LocalServer {
    readonly host: "127.0.0.1";
    readonly port: number;
    readonly database: "postgres";
    readonly user: "postgres";
    readonly password: string;
    readonly storageUrl: string;
    readonly serviceRoleKey: string;
    readonly anonKey: string;
    readonly jwtSecret: string;
}

/** Written when a data directory is complete. One without it is what a killed start left: it is made anew. */
interface Marker extends BaselineShape {
    /** Where the server listened last. */
    readonly port: number;
}

/** Where PostgreSQL listens when nobody else does; later starts take the port of the one before. */
const firstPorts: Record<PostgresMajor, number> = { 15: 54422, 17: 54423 };
const lockSeconds = 300;

/**
 * Starts what `npm start` needs, and returns when both take requests: PostgreSQL with the baseline in it, made at the
 * first call, and the Storage endpoint. Both outlive this process; a second call finds them running. Ports stay the
 * same as long as nobody else takes them. `shape` must be the one that the data was made with.
 */
export async function startLocal(options: {
    readonly root: string;
    readonly major: PostgresMajor;
    readonly shape: BaselineShape;
    readonly say: Say;
}): Promise<LocalServer> {
    const { root, major, shape, say } = options;
    const mine = await callerHome(root);
    const folder = await passableFolder(await runtimeHome(root), "postgres", String(major));
    await mkdir(join(mine, "storage"), { recursive: true });

    return await withFileLock(
        join(mine, "server"),
        async () => {
            const secrets = await localSecrets(mine);
            const cluster = await startPostgres({ root, major, shape, say, folder, secrets });
            const storage = await startStorageDaemon({
                folder: join(mine, "storage"),
                filesDir: join(mine, "storage", `files-${major}`),
                secretsFile: join(mine, "secrets.json"),
                database: {
                    PGHOST: cluster.host,
                    PGPORT: String(cluster.port),
                    PGDATABASE: "postgres",
                    // May become the roles of the API, and nothing else.
                    PGUSER: "authenticator",
                    PGPASSWORD: secrets.postgresPassword,
                    PGSSLMODE: "disable",
                },
            });
            say(`Storage answers on ${storage.url}`);
            return {
                host: cluster.host,
                port: cluster.port,
                database: "postgres",
                user: "postgres",
                password: secrets.postgresPassword,
                storageUrl: storage.url,
                serviceRoleKey: secrets.serviceRoleKey,
                anonKey: secrets.anonKey,
                jwtSecret: secrets.jwtSecret,
            };
        },
        lockSeconds,
    );
}

/** Ends what `startLocal` started, of whichever version; nothing is lost. */
export async function stopLocal(root: string, say: Say): Promise<void> {
    const mine = await callerHome(root);
    await withFileLock(
        join(mine, "server"),
        async () => {
            if (await stopStorageDaemon(join(mine, "storage"))) say("Storage stopped");
            const versions = join(await runtimeHome(root), "postgres");
            for (const version of await readdir(versions).catch(() => [])) {
                if (await stopCluster(join(versions, version, "data"))) say(`PostgreSQL ${version} stopped`);
            }
        },
        lockSeconds,
    );
}

async function startPostgres(options: {
    readonly root: string;
    readonly major: PostgresMajor;
    readonly shape: BaselineShape;
    readonly say: Say;
    readonly folder: string;
    readonly secrets: LocalSecrets;
}): Promise<Cluster> {
    const { root, major, shape, say, folder, secrets } = options;
    const dataDir = join(folder, "data");
    const logFile = join(folder, "server.log");
    const { version } = await postgresBinaries(major);
    const marker = await readMarker(folder);
    if (marker) refuseOtherShape(marker, shape, folder);
    const start = (port: number) => startCluster({ major, dataDir, logFile, port });

    const outside = relative(root, folder).startsWith("..");
    if (outside) say(`PostgreSQL's account cannot use ${root}, so its files are in ${folder}`);

    let cluster: Cluster;
    if (marker) {
        if (!(await livingPostmaster(dataDir))) await keepLogSmall(logFile);
        cluster = await start(marker.port);
    } else {
        say(`Making the embedded database: PostgreSQL ${version} in ${outside ? folder : relative(root, folder)}`);
        await stopCluster(dataDir, "immediate").catch(() => undefined);
        await rm(dataDir, { recursive: true, force: true });
        await initCluster({ major, dataDir, adminPassword: secrets.adminPassword });
        cluster = await start(firstPorts[major]);
        await withAdmin(cluster, secrets, admin => applyBaseline(admin, shape, secrets.postgresPassword));
    }
    if (marker?.port !== cluster.port) await writeMarker(folder, { ...shape, port: cluster.port });
    await checkPassword(cluster, secrets, folder);
    say(`PostgreSQL ${version} listens on ${cluster.host}:${cluster.port}`);
    return cluster;
}

function refuseOtherShape(marker: Marker, shape: BaselineShape, folder: string): void {
    const settings = [
        ["embeddedDefaultPrivileges", marker.defaultPrivileges, shape.defaultPrivileges],
        ["embeddedSimulationRuns", marker.simulationRuns, shape.simulationRuns],
    ] as const;
    for (const [name, made, asked] of settings) {
        if (made === asked) continue;
        throw new UserError(
            `The embedded database was made with simulation-db:${name} "${made}", and the stack now says "${asked}".`,
            [
                `Set it back to "${made}", or`,
                `make the database anew: \`npm run stop\`, remove ${folder} and .local/pulumi/state, \`npm start\`.`,
            ],
        );
    }
}

/** Secrets that were made anew do not fit a database that was not: say so here, and not in the middle of an update. */
async function checkPassword(cluster: Cluster, secrets: LocalSecrets, folder: string): Promise<void> {
    const client = new pg.Client({ ...login(cluster), user: "postgres", password: secrets.postgresPassword });
    try {
        await client.connect();
    } catch (error) {
        if ((error as { code?: string }).code !== "28P01") throw error;
        throw new UserError("The embedded database does not take the password that .local/secrets.json holds for it.", [
            "Bring back the secrets.json that it was made with, or",
            `make the database anew: \`npm run stop\`, remove ${folder} and .local/pulumi/state, \`npm start\`.`,
        ]);
    } finally {
        await client.end();
    }
}

async function withAdmin(cluster: Cluster, secrets: LocalSecrets, work: (admin: pg.Client) => Promise<void>) {
    const admin = new pg.Client({ ...login(cluster), user: "supabase_admin", password: secrets.adminPassword });
    await admin.connect();
    try {
        await work(admin);
    } finally {
        await admin.end();
    }
}

function login(cluster: Cluster): pg.ClientConfig {
    return { host: cluster.host, port: cluster.port, database: "postgres", ssl: false };
}

async function readMarker(folder: string): Promise<Marker | undefined> {
    const file = join(folder, "made.json");
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
    });
    if (text === undefined) return undefined;
    try {
        const { defaultPrivileges, simulationRuns, port } = JSON.parse(text) as Marker;
        return { defaultPrivileges, simulationRuns, port };
    } catch {
        throw new UserError(`${file} is not what this project wrote.`, [
            `Make the database anew: \`npm run stop\`, remove ${folder} and .local/pulumi/state, \`npm start\`.`,
        ]);
    }
}

/** On the disk and by rename, so that after any crash it is whole or not there at all. */
async function writeMarker(folder: string, marker: Marker): Promise<void> {
    const file = join(folder, "made.json");
    const handle = await open(`${file}.new`, "w");
    try {
        await handle.writeFile(`${JSON.stringify(marker)}\n`);
        await handle.sync();
    } finally {
        await handle.close();
    }
    await rename(`${file}.new`, file);
}
