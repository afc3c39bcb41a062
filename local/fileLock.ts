import { randomUUID } from "node:crypto";
import { link, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { UserError } from "../runner/userError.ts";
import { isSameProcess, processIdentity } from "./processIdentity.ts";

/**
 * Runs `work` while no other process holds the lock of this name; waits for its turn, `seconds` at most.
 *
 * The lock is a row of numbered files `<path>.lock.<n>`, each naming its holder. Who holds the highest number
 * holds the lock; whoever finds that holder dead takes the next number. Taking a number is a hard link, which one
 * process alone can make, so two that find the same dead holder do not both go on. What the dead leave
 * stays: removing it would let a slow third process take a number that was already used. A file that is gone is
 * no dead holder but one that let go: its number, not the next, is free.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>, seconds = 120): Promise<T> {
    const mine = `${path}.lock-${randomUUID()}`;
    await writeFile(mine, `${process.pid} ${processIdentity(process.pid)}\n`, { flag: "wx" });
    let held: string;
    try {
        held = await take(path, mine, seconds);
    } finally {
        await rm(mine, { force: true });
    }
    try {
        return await work();
    } finally {
        await rm(held, { force: true });
    }
}

async function take(path: string, mine: string, seconds: number): Promise<string> {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const highest = await highestNumber(path);
        const holder = highest === 0 ? "dead" : await holderOf(`${path}.lock.${highest}`);
        if (holder === "gone") continue;
        if (holder === "dead") {
            const next = `${path}.lock.${highest + 1}`;
            try {
                await link(mine, next);
                return next;
            } catch (error) {
                if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
            }
        } else if (Date.now() > end) {
            throw new UserError(`Process ${holder} has held the lock ${path}.lock.${highest} for over ${seconds} s.`, [
                "Let it finish, or end it, and run this again.",
            ]);
        } else await setTimeout(20 + Math.random() * 30);
    }
}

async function highestNumber(path: string): Promise<number> {
    const prefix = `${basename(path)}.lock.`;
    const names = (await readdir(dirname(path))).filter(name => name.startsWith(prefix));
    return Math.max(0, ...names.map(name => Number(name.slice(prefix.length))).filter(Number.isInteger));
}

/** The number of the living process that holds this file. */
async function holderOf(file: string): Promise<number | "dead" | "gone"> {
    const text = await contents(file);
    if (text === undefined) return "gone";
    const [pid = "", identity = ""] = text.trim().split(/ (.*)/s);
    if (isSameProcess(Number(pid), identity)) return Number(pid);
    // It may have let go between the reading and its end; only what is still there after its end stays for ever.
    return (await contents(file)) === text ? "dead" : "gone";
}

async function contents(file: string): Promise<string | undefined> {
    try {
        return await readFile(file, "utf8");
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
    }
}
