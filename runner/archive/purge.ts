import type { Session } from "../database/session.ts";
import { addEvent } from "../ledger/ledger.ts";
import { inTransaction } from "../database/transaction.ts";
import { dropPart, type ListedPart, listArchive } from "./registry.ts";

/** The parts of the archive that are at least so many days old, oldest first. */
export function olderThan(parts: readonly ListedPart[], days: number): ListedPart[] {
    const limit = Date.now() - days * 86_400_000;
    return parts.filter(({ archivedAt }) => archivedAt.getTime() <= limit);
}

/**
 * Deletes parts of the archive for good, each with its registration and an entry of the history in one transaction.
 * What an up has put back meanwhile is passed over.
 *
 * @returns what was deleted
 */
export async function purge(
    { client, settings }: Session,
    parts: readonly ListedPart[],
    reason: string,
): Promise<ListedPart[]> {
    const there = new Set((await listArchive(client)).map(({ id }) => id));
    const chosen = parts.filter(({ id }) => there.has(id));
    for (const part of chosen) {
        await inTransaction(client, {}, settings, async () => {
            await dropPart(client, part);
            await addEvent(client, "purge", {
                version: part.version,
                stack: settings.stack,
                detail: `${part.rows} archived rows of ${part.table}, kept since ${part.archivedAt.toISOString()}: ${reason}`,
            });
        });
    }
    return chosen;
}
