import { rename, stat } from "node:fs/promises";

/** Sets a large log aside as `.1`, over the one before: nobody reads more than the last megabytes of a log. */
export async function keepLogSmall(logFile: string): Promise<void> {
    const { size } = await stat(logFile).catch(() => ({ size: 0 }));
    if (size > 10_000_000) await rename(logFile, `${logFile}.1`);
}
