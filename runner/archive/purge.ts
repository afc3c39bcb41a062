import { inRetriedTransaction, withRetries } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { addEvent } from "../ledger/history.ts";
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
    session: Session,
    parts: readonly ListedPart[],
    reason: string,
    say: (line: string) => void,
): Promise<ListedPart[]> {
    const { client, settings } = session;
    const listed = await withRetries(session, say, () => listArchive(client));
    const there = new Set(listed.map(({ id }) => id));
    const chosen = parts.filter(({ id }) => there.has(id));
    for (const part of chosen) {
        // A dump that is under way reads it.
        await inRetriedTransaction(session, {}, say, async () => {
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
