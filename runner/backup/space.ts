import { statfs } from "node:fs/promises";
import { byteSize } from "../byteSize.ts";
import { recordedByUp } from "../database/settings.ts";
import { UserError } from "../userError.ts";

/** For the definitions and the manifest, in bytes. */
const besidesRows = 16 * 1024 * 1024;

/**
 * Asks the file system before anything is written. The rows are taken as they are stored in the database; compressed
 * they need less, so what passes here fits.
 *
 * @param rowBytes size of the tables, without their indexes
 * @throws UserError with both sizes
 */
export async function requireSpace(folder: string, rowBytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const needed = rowBytes + besidesRows;
    if (needed <= free) return;
    throw new UserError(
        `not enough space for a backup in ${folder}: up to ${byteSize(needed)} are needed, ${byteSize(free)} are free.`,
        ["free some, or name another place: set backupFolder in Pulumi.STACK.yaml", recordedByUp],
    );
}
