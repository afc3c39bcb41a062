import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { stopCluster } from "../../local/cluster.ts";
import { endOrphans } from "../../local/postmasterPid.ts";
import { isSameProcess, processArguments, processIdentity } from "../../local/processIdentity.ts";
import { runtimeHome } from "../../local/runtimeHome.ts";
import { ownFolder } from "../../local/serviceUser.ts";

/** A folder for one shadow server, watched by a process that removes both when this one is gone, however it ended. */
export interface Place {
    readonly folder: string;
    readonly dataDir: string;
    readonly logFile: string;
    /** Ends the server, if one runs, and removes the folder. */
    leave(): Promise<void>;
}

const projectRoot = dirname(dirname(import.meta.dirname));
const prefix = "run-";

/** A folder without an owner is one that somebody is just making, unless it is older than this; in milliseconds. */
const unownedMs = 600_000;

/** How long the keeper may take to end a server and remove its files, in milliseconds. */
const leaveMs = 20_000;

/** Where the shadows of this checkout are, and what is kept for the next ones. */
export async function shadowsFolder(): Promise<string> {
    const folder = join(await runtimeHome(projectRoot), "shadows");
    await ownFolder(folder);
    return folder;
}

/** Makes a place of its own, so that two previews do not meet; what killed ones left is removed first. */
export async function takePlace(): Promise<Place> {
    const shadows = await shadowsFolder();
    await removeAbandoned(shadows);
    const folder = await mkdtemp(join(shadows, prefix));
    // The account that runs the server passes through.
    await chmod(folder, 0o711);
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
    return {
        folder,
        dataDir: join(folder, "data"),
        logFile: join(folder, "server.log"),
        async leave() {
            keeper.ref();
            keeper.stdin.end();
            await Promise.race([gone, setTimeout(leaveMs, undefined, { ref: false })]);
            // The keeper itself may have been killed.
            await removePlace(folder);
        },
    };
}

/** Ends whatever runs in the folder and removes it. Done before: does nothing. */
export async function removePlace(folder: string): Promise<void> {
    const dataDir = join(folder, "data");
    for (let round = 1; round <= 40; round += 1) {
        if (!(await exists(folder))) return;
        await stopCluster(dataDir, "immediate").catch(() => undefined);
        if (await exists(dataDir)) endOrphans(dataDir);
        // A copy or an initdb that the owner had started goes on without it, and would write on.
        endWorkers(folder);
        await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
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
}

/** Ends the programs that were started on files of this folder, whose name is like no other. Linux. */
function endWorkers(folder: string): void {
    if (process.platform !== "linux") return;
    for (const pid of readdirSync("/proc").map(Number)) {
        if (!Number.isInteger(pid) || pid === process.pid) continue;
        const words = processArguments(pid);
        if (!words.some(word => word.includes(folder)) || words.some(word => word.endsWith("keeper.ts"))) continue;
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
