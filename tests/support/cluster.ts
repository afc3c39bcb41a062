import { rmSync } from "node:fs";
import { access, chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type pg from "pg";
import type { BaselineShape } from "../../local/baseline.ts";
import { type Cluster, type PostgresMajor, startCluster, stopCluster } from "../../local/cluster.ts";
import { isSameProcess, processGone, processIdentity } from "../../local/processIdentity.ts";
import { runtimeHome } from "../../local/runtimeHome.ts";
import { canReach, ownFolder, serviceUser } from "../../local/serviceUser.ts";
import { copyDataDir, passwords, templateDataDir } from "./template.ts";

/** A PostgreSQL of its own for one test file or block, with the baseline in it. */
export interface TestCluster {
    readonly major: PostgresMajor;
    readonly host: "127.0.0.1";
    readonly port: number;
    /** As the superuser supabase_admin; database postgres unless said otherwise. */
    adminUrl(database?: string): pg.ClientConfig;
    /** As postgres, Supabase's own user, which is not a superuser. */
    readonly connection: pg.ClientConfig;
    /** The same as libpq's variables, for a child process. */
    readonly environment: Record<string, string>;
    log(): Promise<string>;
    /** Stops the server and removes all it wrote. */
    stop(): Promise<void>;
    /** Kills the server as a power cut would: no shutdown, recovery at the next start. */
    kill9(): Promise<void>;
    /** Starts it again, on the same port, after a stop by `kill9` or of a living one. */
    restart(): Promise<void>;
}

const projectRoot = dirname(dirname(import.meta.dirname));
const prefix = "simulation-db-test-";

/** Living clusters of this process, so that an early end of it leaves none. */
const living = new Map<string, number>();
process.on("exit", () => {
    for (const [folder, pid] of living) {
        try {
            process.kill(pid, "SIGKILL");
        } catch {
            // It was gone already.
        }
        rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
});

/**
 * A cluster copied from a cached template: about a second. Its data may be lost in a crash of the machine (fsync off),
 * not in one of the server. The caller stops it; clusters of test runs that were killed are removed here.
 */
export async function testCluster(options: {
    readonly major: PostgresMajor;
    /** Default: open and bare. */
    readonly shape?: Partial<BaselineShape>;
    readonly settings?: Readonly<Record<string, string>>;
}): Promise<TestCluster> {
    const { major, settings = {} } = options;
    const shape: BaselineShape = { defaultPrivileges: "open", simulationRuns: "bare", ...options.shape };
    const place = await clusterPlace();
    await removeOrphans(place);
    const folder = await mkdtemp(join(place, prefix));
    // The account that runs the server passes through.
    await chmod(folder, 0o711);
    await writeFile(join(folder, "owner"), `${process.pid} ${processIdentity(process.pid)}`);
    const dataDir = join(folder, "data");
    const logFile = join(folder, "server.log");
    const start = (port?: number) =>
        startCluster({ major, dataDir, logFile, durable: false, settings, ...(port === undefined ? {} : { port }) });

    let cluster: Cluster;
    try {
        await copyDataDir(await templateDataDir(major, shape), dataDir);
        cluster = await start();
    } catch (error) {
        await rm(folder, { recursive: true, force: true });
        throw error;
    }
    living.set(folder, cluster.pid);

    const login = (user: string, password: string, database: string): pg.ClientConfig => ({
        host: "127.0.0.1",
        port: cluster.port,
        user,
        password,
        database,
        ssl: false,
    });
    return {
        major,
        host: "127.0.0.1",
        get port() {
            return cluster.port;
        },
        adminUrl: (database = "postgres") => login("supabase_admin", passwords.admin, database),
        get connection() {
            return login("postgres", passwords.postgres, "postgres");
        },
        get environment() {
            return {
                PGHOST: "127.0.0.1",
                PGPORT: String(cluster.port),
                PGDATABASE: "postgres",
                PGUSER: "postgres",
                PGPASSWORD: passwords.postgres,
                PGSSLMODE: "disable",
            };
        },
        log: () => readFile(logFile, "utf8"),
        async stop() {
            await stopCluster(dataDir, "immediate");
            await rm(folder, { recursive: true, force: true, maxRetries: 5 });
            living.delete(folder);
        },
        async kill9() {
            const identity = processIdentity(cluster.pid);
            if (identity === undefined) return;
            process.kill(cluster.pid, "SIGKILL");
            await processGone(cluster.pid, identity, 10_000);
        },
        async restart() {
            await stopCluster(dataDir);
            cluster = await start(cluster.port);
            living.set(folder, cluster.pid);
        },
    };
}

/** The temporary folder, or ours where the server's account cannot reach that. */
async function clusterPlace(): Promise<string> {
    if (await canReach(tmpdir(), serviceUser(projectRoot))) return tmpdir();
    const place = join(await runtimeHome(projectRoot), "tests");
    await ownFolder(place);
    return place;
}

async function removeOrphans(place: string): Promise<void> {
    for (const name of await readdir(place)) {
        if (!name.startsWith(prefix)) continue;
        const folder = join(place, name);
        const owner = await readFile(join(folder, "owner"), "utf8").catch(() => "");
        const [pid = "", identity = ""] = owner.split(" ");
        if (owner === "" || isSameProcess(Number(pid), identity)) continue;
        const dataDir = join(folder, "data");
        const hasData = await access(dataDir).then(
            () => true,
            () => false,
        );
        if (hasData) await stopCluster(dataDir, "immediate").catch(() => undefined);
        await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
}
