import { readFileSync, statSync } from "node:fs";
import { chmod, lstat, mkdir, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../runner/userError.ts";

/** The account that PostgreSQL runs under. */
export interface ServiceUser {
    readonly uid: number;
    readonly gid: number;
    readonly name: string;
}

/**
 * Who runs PostgreSQL when root asks for it, since PostgreSQL refuses root: the owner of the project folder, or
 * `nobody` when that is root too or an owner this machine does not know (a folder mounted into a container).
 * Undefined when the caller is not root: then PostgreSQL runs as the caller.
 */
export function serviceUser(projectRoot: string): ServiceUser | undefined {
    if (process.getuid?.() !== 0) return undefined;
    const accounts = readAccounts();
    const owner = statSync(projectRoot).uid;
    const found =
        accounts.find(account => account.uid === owner && owner !== 0) ??
        accounts.find(({ name }) => name === "nobody");
    if (found) return found;
    throw new UserError("PostgreSQL does not run as root, and this machine has no account `nobody` to run it under.", [
        "Run the command as a user that is not root, or add `nobody` to /etc/passwd.",
    ]);
}

/** The account options of `spawn`; empty when the caller's own account is meant. */
export function asUser(user: Pick<ServiceUser, "uid" | "gid"> | undefined): { uid?: number; gid?: number } {
    return user === undefined ? {} : { uid: user.uid, gid: user.gid };
}

/** Can this account enter the folder? Asks the mode bits of the folder and of all above it. */
export async function canReach(folder: string, user: ServiceUser | undefined): Promise<boolean> {
    if (user === undefined) return true;
    for (let at = await realpath(folder); ; at = dirname(at)) {
        const { mode, uid, gid } = await stat(at);
        const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
        if (((mode >> shift) & 1) === 0) return false;
        if (at === dirname(at)) return true;
    }
}

/**
 * Makes a folder of `home`, with those between the two, such that the account which runs PostgreSQL passes through
 * them: whatever the caller's umask is, and also where an earlier run has left them closed.
 */
export async function passableFolder(home: string, ...names: readonly string[]): Promise<string> {
    let folder = home;
    for (const name of names) {
        folder = join(folder, name);
        await mkdir(folder, { recursive: true });
        if (process.getuid?.() === 0) await chmod(folder, 0o711);
    }
    return folder;
}

/**
 * Makes the folder when it is missing, and refuses one that another account planted there: what stands under
 * a folder that all may write to (/var/tmp) must be ours.
 */
export async function ownFolder(folder: string): Promise<void> {
    // Whatever the umask: the account that runs PostgreSQL passes through.
    if ((await mkdir(folder, { recursive: true, mode: 0o755 })) !== undefined) await chmod(folder, 0o755);
    const found = await lstat(folder);
    if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0) return;
    throw new UserError(`${folder} is not a folder that belongs to this account alone.`, [
        "Remove it and run this again.",
    ]);
}

function readAccounts(): ServiceUser[] {
    const lines = readFileSync("/etc/passwd", "utf8").split("\n");
    return lines.flatMap(line => {
        const [name = "", , uid, gid] = line.split(":");
        // macOS writes -2 for what the kernel calls 4294967294.
        return name && uid && gid ? [{ name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }] : [];
    });
}
