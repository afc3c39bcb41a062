import { createHash } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { canReach, ownFolder, serviceUser } from "./serviceUser.ts";

/**
 * The folder for what PostgreSQL reads and writes at run time: `.local` of the project, or, when the account that
 * runs PostgreSQL cannot get there (a checkout under /root) or we may not write there, one of our own
 * in /var/tmp, named after the project's path and the caller.
 */
export async function runtimeHome(projectRoot: string): Promise<string> {
    const inside = join(projectRoot, ".local");
    if (await usable(inside, projectRoot)) return inside;
    const name = createHash("sha256")
        .update(`${await realpath(projectRoot)}\0${process.getuid?.()}`)
        .digest("hex");
    const outside = `/var/tmp/simulation-db-${name.slice(0, 12)}`;
    await ownFolder(outside);
    return outside;
}

/** The folder for what the caller alone reads and writes: `.local` of the project wherever we may write there. */
export async function callerHome(projectRoot: string): Promise<string> {
    const inside = join(projectRoot, ".local");
    return (await writable(inside)) ? inside : await runtimeHome(projectRoot);
}

async function usable(folder: string, projectRoot: string): Promise<boolean> {
    return (await writable(folder)) && (await canReach(folder, serviceUser(projectRoot)));
}

async function writable(folder: string): Promise<boolean> {
    try {
        await mkdir(folder, { recursive: true });
        accessSync(folder, constants.W_OK);
        return true;
    } catch (error) {
        if (["EACCES", "EPERM", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
        throw error;
    }
}
