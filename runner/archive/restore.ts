import type pg from "pg";
import { label, type Migration } from "../migration/migration.ts";
import { inRetriedTransaction, withRetries } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { Mismatch, readPlace } from "./place.ts";
import { type Batch, batchesOf, halvesOf, putColumns } from "./putColumns.ts";
import { putRows } from "./putRows.ts";
import { codeOf, isRefused } from "./refusal.ts";
import { archivedIn, dropPart, type ListedPart, listArchive, makeDeletable } from "./registry.ts";
import { setSequences } from "./sequences.ts";
import { withoutTriggers } from "./triggers.ts";
import { writeExactly } from "./writing.ts";

/** So often a batch with rows that do not fit is parted: a few such rows are found alone, and many do not take for ever. */
const mostHalvings = 256;

/** So often what cannot be parted is tried again after a row's owner has gone meanwhile: then that row is left out. */
const mostOwnersLost = 5;

/**
 * Puts back what an earlier rollback of this migration had kept, in transactions after the migration's own, so that no
 * lock of the migration is held meanwhile. What cannot go back (its owner is gone, its row is gone, another row has its
 * key, the table is another one now) stays in the archive and is counted.
 *
 * @throws when a lock cannot be had in time or the connection breaks; the next run goes on there
 */
export async function restoreRows(
    session: Session,
    migration: Pick<Migration, "version" | "slug">,
    say: (line: string) => void,
): Promise<void> {
    const parts = await withRetries(session, say, () => listArchive(session.client, migration.version));
    const left = new Map(parts.map(part => [part.id, part.rows]));
    const reasons = new Map<string, string>();
    // Columns after the rows that may have come with them; of two rollbacks the newer one first, as it stays.
    const columns = parts.filter(({ kind }) => kind === "columns").toReversed();
    const inOrder = [...parts.filter(({ kind }) => kind !== "columns"), ...columns];
    // A row may refer to one of a later part: what could not go back is tried again while others do.
    for (let waiting = inOrder, moved = true; moved && waiting.length > 0;) {
        moved = false;
        for (const part of waiting) {
            const rows = left.get(part.id) ?? 0;
            const { remaining, reason } = await tryPart(session, { ...part, rows }, say);
            left.set(part.id, remaining);
            if (reason) reasons.set(part.id, reason);
            else reasons.delete(part.id);
            moved ||= remaining < rows;
        }
        waiting = waiting.filter(({ id }) => (left.get(id) ?? 0) > 0);
    }

    for (const part of parts) {
        const remaining = left.get(part.id) ?? 0;
        const why =
            reasons.get(part.id) ??
            "their owner or row is gone, another row has their key, or somebody has written there since";
        const kept = remaining === 0 ? "" : `; ${remaining} could not (${why}): archive list shows where they are`;
        say(
            `${label(migration)}: ${part.rows - remaining} of ${part.rows} archived rows are back in ${part.table}${kept}`,
        );
    }
    const some = parts.filter(({ id }) => left.get(id) !== 0).map(({ id }) => id);
    if (some.length > 0) {
        await session.client.query("update simulation_db.archive set restored_at = now() where id = any ($1)", [some]);
    }
}

/** @returns how many rows stay, and why, where PostgreSQL had something to say */
async function tryPart(
    session: Session,
    part: ListedPart,
    say: (line: string) => void,
): Promise<{ remaining: number; reason?: string }> {
    const { client } = session;
    let remaining = part.rows;
    let reason: string | undefined;
    const attempt = (batch: Batch | undefined, mayMeet: boolean) =>
        inRetriedTransaction(session, {}, say, () =>
            restoreBatch(client, { ...part, rows: remaining }, batch, mayMeet),
        );
    try {
        await withRetries(session, say, () => setSequences(client, part));
        await withRetries(session, say, () => makeDeletable(client, part));
        const batches = (await withRetries(session, say, () => batchesOf(client, part))).toReversed();
        for (let [halvings, ownersLost] = [0, 0]; batches.length > 0;) {
            const batch = batches.pop();
            try {
                // Looking out for another row with the same key takes an insert twice as long, and there is rarely one.
                remaining = await attempt(batch, false).catch((error: unknown) => {
                    if (batch || !meetsAnother(error)) throw error;
                    return attempt(batch, true);
                });
            } catch (error) {
                // Other rows may fit all the same, but not where names and types are others.
                if (!fitsNot(error) || codeOf(error).startsWith("42")) throw error;
                if (lacksOwner(error) && !batch?.places && ownersLost < mostOwnersLost) {
                    ownersLost += 1;
                    batches.push(batch);
                } else {
                    reason = (error as Error).message;
                    halvings += 1;
                    if (batch && halvings <= mostHalvings) batches.push(...halvesOf(batch).toReversed());
                }
            }
            // Its table is gone then.
            if (remaining === 0) break;
        }
    } catch (error) {
        if (!fitsNot(error)) throw error;
        reason = (error as Error).message;
    }
    return { remaining, ...(reason === undefined ? {} : { reason }) };
}

function fitsNot(error: unknown): boolean {
    return error instanceof Mismatch || isRefused(error);
}

/** A foreign key (23503) has nothing to point at, though it had when the statement began, or is not among those looked at. */
function lacksOwner(error: unknown): boolean {
    return codeOf(error) === "23503";
}

/** A unique (23505) or exclusion (23P01) constraint has another row in the place of this one. */
function meetsAnother(error: unknown): boolean {
    return ["23505", "23P01"].includes(codeOf(error));
}

/**
 * @param batch what of it, see {@link batchesOf}
 * @param mayMeet rows whose key another one has stay in the archive; otherwise they are an error
 * @returns how many rows stay in the archive
 */
async function restoreBatch(
    client: pg.Client,
    part: ListedPart,
    batch: Batch | undefined,
    mayMeet: boolean,
): Promise<number> {
    // So many rows are joined and sorted as for a new index.
    await client.query(
        `set local row_security = off; ${writeExactly}; select set_config('work_mem', current_setting('maintenance_work_mem'), true)`,
    );
    // The server takes a table that it has not looked at yet for one of thousands of rows, and few leave a table that stays.
    if (part.kind === "rows") await client.query(`analyze ${archivedIn(part)}`);
    const place = await readPlace(client, part);
    const back = await withoutTriggers(client, part, () =>
        batch ? putColumns(client, part, place, batch) : putRows(client, part, place, mayMeet),
    );
    const remaining = part.rows - back;
    if (remaining === 0) await dropPart(client, part);
    else await client.query("update simulation_db.archive set rows = $2 where id = $1", [part.id, remaining]);
    return remaining;
}
