import { readdirSync, realpathSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { processArguments, processFolder, processIdentity } from "./processIdentity.ts";

/** What a living server wrote into its data directory. */
export interface Postmaster {
    readonly pid: number;
    readonly identity: string;
    readonly port: number;
    readonly ready: boolean;
    readonly stopping: boolean;
}

/** The server that runs on this data directory; undefined when none does, whatever a stale file says. */
export async function livingPostmaster(dataDir: string): Promise<Postmaster | undefined> {
    const lines = await readLines(dataDir);
    const pid = Number(lines[0]);
    const identity = processIdentity(pid);
    if (identity === undefined || !worksIn(pid, dataDir)) return undefined;
    const status = lines[7]?.trim();
    return { pid, identity, port: Number(lines[3]), ready: status === "ready", stopping: status === "stopping" };
}

/**
 * Makes a stale postmaster.pid harmless when its number now belongs to some other process, which PostgreSQL would
 * take for a living server. The file stays, with a number that nobody has: its last line lets PostgreSQL see whether
 * processes of the dead server still use its shared memory, and that check must not be lost.
 */
export async function healPostmasterPid(dataDir: string): Promise<void> {
    const lines = await readLines(dataDir);
    const pid = Number(lines[0]);
    if (lines.length === 0 || !isTaken(pid) || (await livingPostmaster(dataDir))) return;
    let nobody = 4_194_303;
    while (isTaken(nobody)) nobody--;
    await writeFile(join(dataDir, "postmaster.pid"), [nobody, ...lines.slice(1)].join("\n"), { flag: "r+" });
}

/**
 * Ends the children that a killed server left behind: one busy in a long query does not notice, and a new server
 * cannot start beside it. Only where the system says in which folder a process works (Linux).
 */
export function endOrphans(dataDir: string): void {
    if (process.platform !== "linux") return;
    for (const pid of readdirSync("/proc").map(Number)) {
        if (!Number.isInteger(pid) || !worksIn(pid, dataDir)) continue;
        try {
            process.kill(pid, "SIGKILL");
        } catch {
            // It was gone already.
        }
    }
}

async function readLines(dataDir: string): Promise<string[]> {
    const text = await readFile(join(dataDir, "postmaster.pid"), "utf8").catch(() => "");
    return text === "" ? [] : text.split("\n");
}

/** PostgreSQL changes into its data directory; a process found there by that and by its name is of that server. */
function worksIn(pid: number, dataDir: string): boolean {
    const [program = "", ...rest] = processArguments(pid);
    const folder = processFolder(pid);
    if (folder === undefined) return rest.includes(dataDir) && program.includes("postgres");
    return folder === realpathSync(dataDir) && program.includes("postgres");
}

/** As PostgreSQL asks it: a zombie counts. */
function isTaken(pid: number): boolean {
    try {
        process.kill(pid, 0);
        return true;
    } catch (error) {
        return (error as NodeJS.ErrnoException).code === "EPERM";
    }
}
