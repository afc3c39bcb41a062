import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { initCluster, type PostgresMajor, startCluster } from "../../local/cluster.ts";
import { postgresBinaries } from "../../local/postgresBinaries.ts";
import { ownFolder } from "../../local/serviceUser.ts";
import { type Place, shadowsFolder } from "./place.ts";

/** A running, empty server of our own. */
export interface EmptyServer {
    readonly port: number;
    readonly adminUser: "supabase_admin";
    readonly adminPassword: string;
}

/** What makes it quick and lets one transaction lock a thousand tables. Nothing in it has to survive anything. */
const settings = {
    max_connections: "20",
    max_locks_per_transaction: "2048",
    shared_buffers: "64MB",
    synchronous_commit: "off",
    autovacuum: "off",
    max_wal_size: "2GB",
    checkpoint_timeout: "1h",
    jit: "off",
    "pg_stat_statements.track": "all",
    "pg_stat_statements.save": "off",
};

/** An initdb of another version or other code is not used again; one that nobody used for a month goes. */
const keepMs = 30 * 24 * 3_600_000;

/**
 * Starts an empty PostgreSQL of this major in the place.
 *
 * @param postgres another program than the installed one: a copy of it with extensions of its own
 * @throws UserError when npm has none for this machine, or when it does not start
 */
export async function startServer(place: Place, major: PostgresMajor, postgres?: string): Promise<EmptyServer> {
    const template = await templateOf(place, major);
    await copyDataDir(join(template, "data"), place.dataDir);
    const adminPassword = (await readFile(join(template, "password"), "utf8")).trim();
    const { port } = await startCluster({
        major,
        dataDir: place.dataDir,
        logFile: place.logFile,
        durable: false,
        settings,
        ...(postgres ? { postgres } : {}),
    });
    return { port, adminUser: "supabase_admin", adminPassword };
}

/** A data directory as initdb made it, once for all shadows: copying it takes less time than initdb. */
async function templateOf(place: Place, major: PostgresMajor): Promise<string> {
    const templates = join(await shadowsFolder(), "templates");
    await ownFolder(templates);
    const { version } = await postgresBinaries(major);
    const code = await readFile(join(dirname(dirname(import.meta.dirname)), "local", "cluster.ts"));
    const hash = createHash("sha256").update(version).update(code).digest("hex").slice(0, 16);
    const template = join(templates, `pg${major}-${hash}`);
    if (await exists(template)) {
        await utimes(template, new Date(), new Date()).catch(() => undefined);
        return template;
    }
    await removeForgotten(templates);
    // Made in our own place, so that a preview that is killed here leaves nothing.
    const half = join(place.folder, "template");
    const password = randomBytes(24).toString("base64url");
    await mkdir(half, { mode: 0o755 });
    await writeFile(join(half, "password"), password, { mode: 0o600 });
    await initCluster({ major, dataDir: join(half, "data"), adminPassword: password, durable: false });
    // Two previews at once make one each, and the second takes the first one's.
    await rename(half, template).catch(async (error: NodeJS.ErrnoException) => {
        if (!["ENOTEMPTY", "EEXIST"].includes(error.code ?? "")) throw error;
        await rm(half, { recursive: true, force: true });
    });
    return template;
}

/** `cp -a`: with owners and modes, and without copying bytes where the file system can share them. */
async function copyDataDir(from: string, to: string): Promise<void> {
    const run = promisify(execFile);
    if (process.platform === "darwin") await run("cp", ["-Rpc", from, to]);
    else await run("cp", ["-a", "--reflink=auto", from, to]);
}

async function removeForgotten(templates: string): Promise<void> {
    for (const name of await readdir(templates)) {
        const path = join(templates, name);
        const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
        if (Date.now() - mtimeMs > keepMs) await rm(path, { recursive: true, force: true });
    }
}

async function exists(path: string): Promise<boolean> {
    return await stat(path).then(
        () => true,
        () => false,
    );
}
