import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { access, chmod, mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { applyBaseline, type BaselineShape, baselineFiles } from "../../local/baseline.ts";
import { initCluster, type PostgresMajor, startCluster, stopCluster } from "../../local/cluster.ts";
import { withFileLock } from "../../local/fileLock.ts";
import { postgresBinaries } from "../../local/postgresBinaries.ts";
import { runtimeHome } from "../../local/runtimeHome.ts";
import { ownFolder } from "../../local/serviceUser.ts";

/** Passwords of test clusters: they listen on the loopback address, for seconds. */
export const passwords = { admin: "test-admin", postgres: "test-postgres" } as const;

const projectRoot = dirname(dirname(import.meta.dirname));

/** A stopped data directory with the baseline in it, made once and kept; whoever wants one copies it. */
export async function templateDataDir(major: PostgresMajor, shape: BaselineShape): Promise<string> {
    const templates = join(await runtimeHome(projectRoot), "templates");
    await ownFolder(templates);
    const kind = `pg${major}-${shape.defaultPrivileges}-${shape.simulationRuns}`;
    const template = join(templates, `${kind}-${await fingerprint(major, shape)}`);
    const dataDir = join(template, "data");
    if (!(await exists(dataDir))) {
        // Two test runs at once: the second waits for what the first makes.
        await withFileLock(join(templates, kind), async () => {
            if (await exists(dataDir)) return;
            await removeForgotten(templates, kind);
            await build(major, shape, template);
        });
    }
    await utimes(template, new Date(), new Date());
    return dataDir;
}

/** `cp -a`: with owners and modes, and without copying bytes where the file system can share them. */
export async function copyDataDir(from: string, to: string): Promise<void> {
    const run = promisify(execFile);
    if (process.platform === "darwin") await run("cp", ["-Rpc", from, to]);
    else await run("cp", ["-a", "--reflink=auto", from, to]);
}

/** Whatever the data directory is made of: the SQL, the code that runs it, the version, the shape. */
async function fingerprint(major: PostgresMajor, shape: BaselineShape): Promise<string> {
    const hash = createHash("sha256");
    hash.update((await postgresBinaries(major)).version);
    for (const name of ["baseline.ts", "cluster.ts"]) hash.update(await readFile(join(projectRoot, "local", name)));
    hash.update(await readFile(import.meta.filename));
    for (const file of baselineFiles(shape)) hash.update(file.slice(projectRoot.length)).update(await readFile(file));
    return hash.digest("hex").slice(0, 16);
}

async function build(major: PostgresMajor, shape: BaselineShape, template: string): Promise<void> {
    const half = `${template}.${randomUUID()}`;
    const dataDir = join(half, "data");
    const logFile = join(half, "build.log");
    await mkdir(half);
    // Whatever the umask: the account that runs the server passes through.
    await chmod(half, 0o711);
    try {
        await initCluster({ major, dataDir, adminPassword: passwords.admin, durable: false });
        const { port } = await startCluster({ major, dataDir, logFile, durable: false });
        const admin = new pg.Client({
            host: "127.0.0.1",
            port,
            user: "supabase_admin",
            password: passwords.admin,
            database: "postgres",
        });
        try {
            await admin.connect();
            await applyBaseline(admin, shape, passwords.postgres);
            await admin.query("vacuum analyze");
        } finally {
            await admin.end();
            await stopCluster(dataDir);
        }
        await rename(half, template);
    } finally {
        await rm(half, { recursive: true, force: true });
    }
}

/** Templates of older baselines, when nobody has used them for an hour. */
async function removeForgotten(templates: string, kind: string): Promise<void> {
    for (const name of await readdir(templates)) {
        const path = join(templates, name);
        const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
        if (!name.startsWith(`${kind}-`) || Date.now() - mtimeMs < 3_600_000) continue;
        // A build that was killed may have left its server running.
        await stopCluster(join(path, "data"), "immediate").catch(() => undefined);
        await rm(path, { recursive: true, force: true });
    }
}

async function exists(path: string): Promise<boolean> {
    return await access(path).then(
        () => true,
        () => false,
    );
}
