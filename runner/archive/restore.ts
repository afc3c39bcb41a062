import { label, type Migration } from "../migration/migration.ts";
import { inRetriedTransaction, withRetries } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { halvesOf, mostHalvings } from "./batches.ts";
import { type Place, readPlace } from "./place.ts";
import { batchesOf, putColumns } from "./putColumns.ts";
import { type Put, putFittingRows, putRows } from "./putRows.ts";
import { codeOf, fitsNot, isOfAnotherTable, meetsAnother } from "./refusal.ts";
import { archivedIn, dropPart, type ListedPart, listArchive, makeDeletable } from "./registry.ts";
import { setSequences } from "./sequences.ts";
import { withoutTriggers } from "./triggers.ts";
import { writeExactly } from "./writing.ts";

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
    const over = new Set<string>();
    // Columns after the rows that may have come with them; of two rollbacks the newer one first, as it stays.
    const columns = parts.filter(({ kind }) => kind === "columns").toReversed();
    const inOrder = [...parts.filter(({ kind }) => kind !== "columns"), ...columns];
    const waiting = new Set(inOrder);
    const next = () => inOrder.find(part => waiting.has(part));
    for (let part = next(); part; part = next()) {
        waiting.delete(part);
        const rows = left.get(part.id) ?? 0;
        const { remaining, reason, isOver, lacksOwners } = await tryPart(session, { ...part, rows }, say);
        left.set(part.id, remaining);
        if (isOver) over.add(part.id);
        if (reason) reasons.set(part.id, reason);
        else reasons.delete(part.id);
        if (remaining === rows) continue;
        // A row may refer to one of another part, to a column of its own that came later, or to one that others wrote meanwhile.
        for (const other of inOrder) {
            const mayGain = other !== part || part.kind === "columns" || lacksOwners;
            if (mayGain && (left.get(other.id) ?? 0) > 0 && !over.has(other.id)) waiting.add(other);
        }
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

/** What became of a part. */
interface Tried {
    /** So many rows stay in the archive. */
    readonly remaining: number;
    /** Why, where PostgreSQL had something to say. */
    readonly reason?: string;
    /** It is not to be tried again. */
    readonly isOver?: boolean;
    /** Some stay because what they point at was not there. */
    readonly lacksOwners?: boolean;
}

/** Puts what fits of a part back. */
async function tryPart(session: Session, part: ListedPart, say: (line: string) => void): Promise<Tried> {
    const { client } = session;
    try {
        await withRetries(session, say, () => setSequences(client, part));
        await withRetries(session, say, () => makeDeletable(client, part));
        return await (part.kind === "columns" ? tryColumns : tryRows)(session, part, say);
    } catch (error) {
        if (!fitsNot(error)) throw error;
        return { remaining: part.rows, reason: (error as Error).message };
    }
}

/** Columns, some thousands of rows in a transaction. */
async function tryColumns(session: Session, part: ListedPart, say: (line: string) => void): Promise<Tried> {
    const { client } = session;
    let tried: Tried = { remaining: part.rows };
    const batches = (await withRetries(session, say, () => batchesOf(client, part))).toReversed();
    let [halvings, ownersLost] = [0, 0];
    for (let batch = batches.pop(); batch; batch = batches.pop()) {
        const put = async (place: Place) => ({ back: await putColumns(client, part, place, batch) });
        try {
            const { remaining } = await restore(session, { ...part, rows: tried.remaining }, say, put);
            tried = { ...tried, remaining };
        } catch (error) {
            if (!fitsNot(error)) throw error;
            if (lacksOwner(error) && !batch.places && ownersLost < mostOwnersLost) {
                ownersLost += 1;
                batches.push(batch);
            } else {
                tried = { ...tried, reason: (error as Error).message };
                // Other rows may fit all the same.
                if (isOfAnotherTable(error)) break;
                halvings += 1;
                if (halvings <= mostHalvings) batches.push(...halvesOf(batch).toReversed());
            }
        }
        // Its table is gone then.
        if (tried.remaining === 0) break;
    }
    return tried;
}

/** Whole rows, all in a transaction. */
async function tryRows(session: Session, part: ListedPart, say: (line: string) => void): Promise<Tried> {
    const { client } = session;
    let [mayMeet, mayStay, ownersLost, areTogether] = [false, false, 0, false];
    for (;;) {
        const put = async (place: Place): Promise<Put> => {
            areTogether = place.pointsAtItself;
            return mayStay
                ? await putFittingRows(client, part, place)
                : { back: await putRows(client, part, place, mayMeet) };
        };
        try {
            return await restore(session, part, say, put);
        } catch (error) {
            if (!fitsNot(error) || isOfAnotherTable(error) || mayStay) throw error;
            if (lacksOwner(error) && ownersLost < mostOwnersLost) ownersLost += 1;
            // Looking out for another row with the same key takes an insert twice as long, and there is rarely one.
            else if (meetsAnother(error) && !mayMeet) mayMeet = true;
            else if (areTogether) throw error;
            else mayStay = true;
        }
    }
}

/** A foreign key (23503) has nothing to point at, though it had when the statement began, or is not among those looked at. */
function lacksOwner(error: unknown): boolean {
    return codeOf(error) === "23503";
}

/**
 * Puts rows of a part back, in a transaction.
 *
 * @param put how
 */
async function restore(
    session: Session,
    part: ListedPart,
    say: (line: string) => void,
    put: (place: Place) => Promise<Put>,
): Promise<Tried> {
    const { client } = session;
    return await inRetriedTransaction(session, {}, say, async () => {
        // So many rows are joined and sorted as for a new index.
        await client.query(
            `set local row_security = off; ${writeExactly}; select set_config('work_mem', current_setting('maintenance_work_mem'), true)`,
        );
        // The server takes a table that it has not looked at yet for one of thousands of rows, and few leave a table that stays.
        if (part.kind === "rows") await client.query(`analyze ${archivedIn(part)}`);
        const place = await readPlace(client, part);
        const { back, reason, isOver = false } = await withoutTriggers(client, part, () => put(place));
        const remaining = part.rows - back;
        if (remaining === 0) {
            await dropPart(client, part);
        } else {
            // A run that goes on after a killed one would take rows that are back for those of up, and what is left for them.
            const over = isOver ? ", restored_at = now()" : "";
            await client.query(`update simulation_db.archive set rows = $2${over} where id = $1`, [part.id, remaining]);
        }
        const lacksOwners = place.fitting !== "true";
        return { remaining, isOver, lacksOwners, ...(reason === undefined ? {} : { reason }) };
    });
}
