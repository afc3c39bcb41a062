import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

/**
 * What tells one process from a later one that was given the same number: the moment it started, in the words
 * of the system. Undefined when no such process lives; a zombie counts as dead, since nobody may ever collect it
 * (the first process of a container often does not).
 */
export function processIdentity(pid: number): string | undefined {
    if (!Number.isInteger(pid) || pid <= 0 || !exists(pid)) return undefined;
    if (process.platform !== "linux") return ask(pid, "lstart=");
    try {
        // The name in brackets may itself hold brackets and spaces: count fields from behind the last one.
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        // While other threads still end, a killed process keeps its ports, though its first thread is a zombie.
        const gone = state === "X" || (state === "Z" && Number(fields[16]) <= 1);
        return gone ? undefined : fields[18];
    } catch {
        return undefined;
    }
}

/** Is process `pid` the one that had this identity? */
export function isSameProcess(pid: number, identity: string): boolean {
    return processIdentity(pid) === identity;
}

/** The arguments a living process was started with; on macOS split at blanks, so good for a look only. */
export function processArguments(pid: number): string[] {
    try {
        if (process.platform === "linux") return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
        return (ask(pid, "command=") ?? "").split(" ");
    } catch {
        return [];
    }
}

/** The folder a living process works in; undefined where the system does not say. */
export function processFolder(pid: number): string | undefined {
    try {
        return process.platform === "linux" ? readlinkSync(`/proc/${pid}/cwd`) : undefined;
    } catch {
        return undefined;
    }
}

/** Waits until the process is gone; false when it still lives after `milliseconds`. */
export async function processGone(pid: number, identity: string, milliseconds: number): Promise<boolean> {
    const end = Date.now() + milliseconds;
    for (let pause = 5; isSameProcess(pid, identity); pause = Math.min(pause * 2, 100)) {
        if (Date.now() > end) return false;
        await setTimeout(pause);
    }
    return true;
}

function exists(pid: number): boolean {
    try {
        process.kill(pid, 0);
        return true;
    } catch (error) {
        return (error as NodeJS.ErrnoException).code === "EPERM";
    }
}

function ask(pid: number, column: string): string | undefined {
    try {
        const answer = execFileSync("ps", ["-o", column, "-p", String(pid)], {
            encoding: "utf8",
            env: { ...process.env, LC_ALL: "C" },
            stdio: ["ignore", "pipe", "ignore"],
        });
        return answer.trim() || undefined;
    } catch {
        return undefined;
    }
}
