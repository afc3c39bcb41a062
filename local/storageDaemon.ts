import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, realpath, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { UserError } from "../runner/userError.ts";
import { freePort } from "./freePort.ts";
import { keepLogSmall } from "./log.ts";
import { isSameProcess, processGone, processIdentity } from "./processIdentity.ts";

/** The running Storage endpoint, as kept in daemon.json between commands. */
export interface StorageDaemon {
    readonly pid: number;
    readonly url: string;
    readonly port: number;
}

interface Kept extends StorageDaemon {
    readonly identity: string;
    /** What it was started with: another database, other secrets or other code need another daemon. */
    readonly purpose: string;
    /** Where daemon.json was written, without links in the path. */
    readonly folder: string;
}

/** Where the endpoint listens when nobody else does; later starts take the port of the one before. */
const firstPort = 54421;
const startSeconds = 30;
/** Its requests may end. */
const stopSeconds = 10;
/** For one that answers nothing any more. */
const stuckSeconds = 1;
const program = join(import.meta.dirname, "storage", "main.ts");

/**
 * Starts the Storage endpoint for a database, detached; one that runs for the same purpose and answers stays. Its port
 * stays the same from start to start unless another program has taken it.
 */
export async function startStorageDaemon(options: {
    /** For daemon.json and the log. Only one endpoint runs per folder. */
    readonly folder: string;
    readonly filesDir: string;
    readonly secretsFile: string;
    /** libpq's variables; the password is handed on in the environment, which other accounts cannot read. */
    readonly database: Readonly<Record<string, string>>;
}): Promise<StorageDaemon> {
    const { folder } = options;
    await mkdir(folder, { recursive: true });
    const purpose = await purposeOf(options);
    const before = await readKept(folder);
    const ours = before !== undefined && (await isOf(before, folder));
    const healthy = ours && alive(before) && (await answers(before.url));
    if (healthy && before.purpose === purpose) return before;
    if (ours) await end(before, healthy ? stopSeconds : stuckSeconds);

    const logFile = join(folder, "storage.log");
    let port = await freePort(before?.port, firstPort);
    for (let attempt = 1; ; attempt++) {
        const { kept, log } = await spawnDaemon(options, port, purpose, logFile);
        if (kept !== undefined) return kept;
        if (attempt < 5 && / is taken/.test(log)) port = await freePort();
        else {
            const last = log.trim().split("\n").slice(-12).join("\n") || "(none)";
            throw new UserError(`The local Storage endpoint did not start. The last lines of its log:\n${last}`, [
                `The whole log is ${logFile}.`,
            ]);
        }
    }
}

/** Stops the endpoint of a folder; false when none ran. The file stays: it remembers the port. */
export async function stopStorageDaemon(folder: string): Promise<boolean> {
    const kept = await readKept(folder);
    return kept !== undefined && (await isOf(kept, folder)) && (await end(kept, stopSeconds));
}

async function spawnDaemon(
    options: Parameters<typeof startStorageDaemon>[0],
    port: number,
    purpose: string,
    logFile: string,
): Promise<{ kept?: Kept; log: string }> {
    await keepLogSmall(logFile);
    const log = await open(logFile, "a", 0o600);
    const from = (await log.stat()).size;
    let pid: number;
    try {
        const child = spawn(process.execPath, [program], {
            detached: true,
            stdio: ["ignore", log.fd, log.fd],
            cwd: "/",
            env: {
                PATH: process.env.PATH,
                ...options.database,
                STORAGE_PORT: String(port),
                STORAGE_FILES_DIR: options.filesDir,
                STORAGE_SECRETS_FILE: options.secretsFile,
            },
        });
        pid = await new Promise<number>((done, fail) => {
            child.once("error", fail);
            child.once("spawn", () => done(child.pid ?? 0));
        });
        child.unref();
    } finally {
        await log.close();
    }
    const identity = processIdentity(pid) ?? "";
    const folder = await realpath(options.folder);
    const kept: Kept = { pid, identity, url: `http://127.0.0.1:${port}`, port, purpose, folder };
    // Before it answers: who ends us while we wait must not leave one that nobody knows of.
    await keep(folder, kept);
    const deadline = Date.now() + startSeconds * 1000;
    for (;;) {
        const living = isSameProcess(pid, identity);
        const text = (await readFile(logFile)).subarray(from).toString();
        if (!living) return { log: text };
        if (/^storage listening on /m.test(text)) return { kept, log: text };
        if (Date.now() > deadline) {
            await end({ pid, identity }, stuckSeconds);
            return { log: `${text}\nIt said nothing for ${startSeconds} s.` };
        }
        await setTimeout(25);
    }
}

async function end({ pid, identity }: { pid: number; identity: string }, seconds: number): Promise<boolean> {
    if (!isSameProcess(pid, identity)) return false;
    process.kill(pid, "SIGTERM");
    if (await processGone(pid, identity, seconds * 1000)) return true;
    process.kill(pid, "SIGKILL");
    return await processGone(pid, identity, stopSeconds * 1000);
}

/** A copy of a checkout brings the file along, and the process in it is the first one's; one that was moved is ours. */
async function isOf(kept: Kept, folder: string): Promise<boolean> {
    // A link at its old place leads to the same file.
    const written = await realpath(join(kept.folder, "daemon.json")).catch(() => undefined);
    return written === undefined || written === (await realpath(join(folder, "daemon.json")));
}

/** A number in a file is not a process: it may belong to another one by now. */
function alive(kept: Kept): boolean {
    return isSameProcess(kept.pid, kept.identity);
}

async function answers(url: string): Promise<boolean> {
    try {
        const response = await fetch(`${url}/storage/v1/status`, { signal: AbortSignal.timeout(2_000) });
        await response.body?.cancel();
        return response.ok;
    } catch {
        return false;
    }
}

async function purposeOf(options: Parameters<typeof startStorageDaemon>[0]): Promise<string> {
    const hash = createHash("sha256");
    for (const name of (await readdir(join(import.meta.dirname, "storage"))).sort()) {
        hash.update(await readFile(join(import.meta.dirname, "storage", name)));
    }
    hash.update(await readFile(options.secretsFile));
    return hash.update(JSON.stringify([options.filesDir, options.secretsFile, options.database])).digest("hex");
}

async function readKept(folder: string): Promise<Kept | undefined> {
    try {
        const found = JSON.parse(await readFile(join(folder, "daemon.json"), "utf8")) as Partial<Kept>;
        const { pid, identity, url, port, purpose, folder: writtenIn } = found;
        if (typeof pid !== "number" || typeof identity !== "string" || typeof url !== "string") return undefined;
        if (typeof port !== "number" || typeof purpose !== "string") return undefined;
        // An older one does not say where it was written.
        return { pid, identity, url, port, purpose, folder: typeof writtenIn === "string" ? writtenIn : folder };
    } catch {
        // None yet, or half of one: what it could have named is found neither way.
        return undefined;
    }
}

async function keep(folder: string, kept: Kept): Promise<void> {
    const file = join(folder, "daemon.json");
    await writeFile(`${file}.new`, `${JSON.stringify(kept)}\n`, { mode: 0o600 });
    await rename(`${file}.new`, file);
}
