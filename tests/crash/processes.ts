import { execFileSync } from "node:child_process";
import { processGone, processIdentity } from "../../local/processIdentity.ts";

/** A living process, as `ps` shows it. */
export interface ProcessLine {
    readonly pid: number;
    readonly parent: number;
    readonly command: string;
}

/** All processes that came from this one, itself left out. */
export function descendants(root: number): ProcessLine[] {
    const all = listProcesses();
    const below = (pid: number): ProcessLine[] =>
        all.filter(({ parent }) => parent === pid).flatMap(child => [child, ...below(child.pid)]);
    return below(root);
}

/** Number of the process that started this one. */
export function parentOf(pid: number): number {
    const line = listProcesses().find(each => each.pid === pid);
    if (!line) throw new Error(`there is no process ${pid}`);
    return line.parent;
}

/** Kills a process and all that came from it, at one moment; returns when they are gone. */
export async function killFamily(root: number): Promise<void> {
    const family = [root, ...descendants(root).map(({ pid }) => pid)];
    const known = family.map(pid => [pid, processIdentity(pid)] as const);
    for (const pid of family) kill(pid);
    for (const [pid, identity] of known) if (identity !== undefined) await processGone(pid, identity, 10_000);
}

/** Signal 9 to one process; it may be gone already. */
export function kill(pid: number): void {
    // Zero would be this process and all its group.
    if (pid <= 1) throw new Error(`${pid} is no process to kill`);
    try {
        process.kill(pid, "SIGKILL");
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
}

function listProcesses(): ProcessLine[] {
    return execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" })
        .trim()
        .split("\n")
        .map(line => {
            const [, pid, parent, command = ""] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
            return { pid: Number(pid), parent: Number(parent), command };
        });
}
