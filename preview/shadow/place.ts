import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, statfs, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { stopCluster } from "../../local/cluster.ts";
import { endOrphans } from "../../local/postmasterPid.ts";
import { isSameProcess, processArguments, processIdentity } from "../../local/processIdentity.ts";
import { runtimeHome } from "../../local/runtimeHome.ts";
import { ownFolder } from "../../local/serviceUser.ts";

/** Folders for one shadow server, watched by a process that removes both when this one is gone, however it ended. */
export interface Place {
    /** On the disk. */
    readonly folder: string;
    /** In memory where there is room, since a catalog is thousands of small files; otherwise in `folder`. */
    readonly dataDir: string;
    readonly logFile: string;
    /** Whether what was to be in memory has filled it: others may take what was free at the start. */
    hasFilledMemory(): Promise<boolean>;
    /** Ends the server, if one runs, and removes everything. */
    leave(): Promise<void>;
}

const projectRoot = dirname(dirname(import.meta.dirname));
const prefix = "run-";

/** A folder without an owner is one that somebody is just making, unless it is older than this; in milliseconds. */
const unownedMs = 600_000;

/** How long the keeper may take to end a server and remove its files, in milliseconds. */
const leaveMs = 20_000;

/** The account that runs the server passes through, whatever the umask. */
const passable = 0o711;

/** Linux keeps files there in memory; elsewhere there is no such folder. */
const memory = "/dev/shm";

/** What is left to others there, and of the memory that this process may use, in bytes. */
const leftToOthers = 2 ** 29;

/** Below this nothing could be written any more: a server adds 16 MB at a time to its log of changes. */
const nothingLeft = 2 ** 25;

/** Where the shadows of this checkout are, and what is kept for the next ones. */
export async function shadowsFolder(): Promise<string> {
    const folder = join(await runtimeHome(projectRoot), "shadows");
    await ownFolder(folder);
    return folder;
}

/**
 * Makes a place of its own, so that two previews do not meet; what killed ones left is removed first.
 *
 * @param bytes how big the server's files may become
 */
export async function takePlace(bytes: number): Promise<Place> {
    const shadows = await shadowsFolder();
    await removeAbandoned(shadows);
    const folder = await mkdtemp(join(shadows, prefix));
    await chmod(folder, passable);
    await writeFile(join(folder, "owner"), `${process.pid} ${processIdentity(process.pid)}`);
    const keeper = spawn(process.execPath, [join(import.meta.dirname, "keeper.ts"), folder], {
        // In a group of its own: a Ctrl-C at the terminal is meant for the preview, and the keeper comes after it.
        detached: true,
        stdio: ["pipe", "ignore", "ignore"],
        cwd: "/",
        env: { PATH: process.env.PATH },
    });
    const gone = new Promise<void>(resolve => {
        keeper.once("exit", () => resolve());
        keeper.once("error", () => resolve());
    });
    keeper.stdin.on("error", () => {});
    keeper.unref();
    (keeper.stdin as unknown as { unref(): void }).unref();
    const taken = await takeMemory(folder, bytes);
    return {
        folder,
        dataDir: join(taken ?? folder, "data"),
        logFile: join(folder, "server.log"),
        hasFilledMemory: async () => taken !== undefined && (await freeMemory()) < nothingLeft,
        async leave() {
            keeper.ref();
            keeper.stdin.end();
            await Promise.race([gone, setTimeout(leaveMs, undefined, { ref: false })]);
            // The keeper itself may have been killed.
            await removePlace(folder);
        },
    };
}

/** The folder in memory that belongs to one on the disk, which may not have been made. */
function memoryOf(folder: string): string {
    return join(memory, memoryPrefix(dirname(folder)) + basename(folder));
}

/** How the names of this checkout's folders in memory begin. */
function memoryPrefix(shadows: string): string {
    return `simulation-db-${createHash("sha256").update(shadows).digest("hex").slice(0, 12)}-`;
}

async function takeMemory(folder: string, bytes: number): Promise<string | undefined> {
    try {
        if ((await freeMemory()) - bytes < leftToOthers) return undefined;
        const taken = memoryOf(folder);
        await mkdir(taken);
        await chmod(taken, passable);
        return taken;
    } catch {
        // There is none, or it is not for us.
        return undefined;
    }
}

/** What files there and this process may still take, in bytes. */
async function freeMemory(): Promise<number> {
    const { bavail, bsize } = await statfs(memory);
    return Math.min(bavail * bsize, process.availableMemory());
}

/** Ends whatever runs in the folder and removes it, with what belongs to it in memory. Done before: does nothing. */
export async function removePlace(folder: string): Promise<void> {
    // The one on the disk goes last: as long as it is there, it is known that there is something to remove.
    const folders = [memoryOf(folder), folder];
    for (let round = 1; round <= 40; round += 1) {
        if (!(await exists(folder)) && !(await exists(memoryOf(folder)))) return;
        for (const each of folders) {
            const dataDir = join(each, "data");
            await stopCluster(dataDir, "immediate").catch(() => undefined);
            if (await exists(dataDir)) endOrphans(dataDir);
        }
        // A copy or an initdb that the owner had started goes on without it, and would write on.
        endWorkers(folders);
        for (const each of folders) {
            await rm(each, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
            if (await exists(each)) break;
        }
        if (await exists(folder)) await setTimeout(50 * round);
    }
}

async function removeAbandoned(shadows: string): Promise<void> {
    for (const name of await readdir(shadows)) {
        if (!name.startsWith(prefix)) continue;
        const folder = join(shadows, name);
        const owner = await readFile(join(folder, "owner"), "utf8").catch(() => "");
        const [pid = "", identity = ""] = owner.split(" ");
        if (owner !== "" && isSameProcess(Number(pid), identity)) continue;
        const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: Date.now() }));
        if (owner === "" && Date.now() - mtimeMs < unownedMs) continue;
        await removePlace(folder);
    }
    await removeForgotten(shadows);
}

/** Whoever removes `.local` while a shadow is there leaves nothing on the disk that knows of what is in memory. */
async function removeForgotten(shadows: string): Promise<void> {
    const ours = memoryPrefix(shadows);
    for (const name of await readdir(memory).catch((): string[] => [])) {
        if (!name.startsWith(ours)) continue;
        const { mtimeMs } = await stat(join(memory, name)).catch(() => ({ mtimeMs: Date.now() }));
        // Its preview may be about to end by itself.
        if (Date.now() - mtimeMs < unownedMs) continue;
        const folder = join(shadows, name.slice(ours.length));
        if (!(await exists(folder))) await removePlace(folder);
    }
}

/** Ends the programs that were started on files of these folders, whose names are like no others. Linux. */
function endWorkers(folders: readonly string[]): void {
    if (process.platform !== "linux") return;
    for (const pid of readdirSync("/proc").map(Number)) {
        if (!Number.isInteger(pid) || pid === process.pid) continue;
        const words = processArguments(pid);
        const works = words.some(word => folders.some(folder => word.includes(folder)));
        if (!works || words.some(word => word.endsWith("keeper.ts"))) continue;
        try {
            process.kill(pid, "SIGKILL");
        } catch {
            // It was gone already.
        }
    }
}

async function exists(path: string): Promise<boolean> {
    return await stat(path).then(
        () => true,
        () => false,
    );
}
