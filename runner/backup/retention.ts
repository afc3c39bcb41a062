import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/** Ending of what is being made or removed: never a backup. */
export const unfinished = ".part";

/**
 * Removes what killed runs left of backups of one database. The caller holds that database's advisory lock, so no other
 * run is making one.
 *
 * @param prefix how the ids of that database's backups begin
 */
export async function removeLeftovers(folder: string, prefix: string): Promise<void> {
    for (const name of await readdir(folder)) {
        if (!name.startsWith(prefix) || !name.endsWith(unfinished)) continue;
        await rm(join(folder, name), { recursive: true, force: true });
    }
}

/** Removes the oldest backups of one database, whole: dumps and manifest go together. */
export async function keepNewest(folder: string, prefix: string, keep: number): Promise<void> {
    const ids = (await readdir(folder)).filter(name => name.startsWith(prefix) && !name.endsWith(unfinished)).sort();
    for (const id of ids.slice(0, Math.max(0, ids.length - Math.max(1, keep)))) {
        // Renamed first: a run that is killed between two files leaves no half backup.
        await rename(join(folder, id), join(folder, `${id}${unfinished}`));
        await rm(join(folder, `${id}${unfinished}`), { recursive: true });
    }
}
