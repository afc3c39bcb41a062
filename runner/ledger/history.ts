import type pg from "pg";

/** What can happen to a migration or its rows; each is one row of the history. */
export type LedgerAction =
    "up" | "down" | "record" | "adopt" | "repair applied" | "repair reverted" | "purge" | "unpromoted";

/** What the history says of something that happened. */
export interface HistoryEntry {
    readonly version: string;
    readonly slug?: string;
    readonly upHash?: string;
    readonly downHash?: string;
    readonly verifyHash?: string;
    /** Undefined where nothing was run. */
    readonly durationMs?: number | undefined;
    readonly stack: string;
    /** For people. */
    readonly detail?: string | undefined;
}

/** Its parameters, the first nine of any statement that it is a part of, are {@link eventValues}. SQL. */
export const insertEvent = `
    insert into simulation_db.history (action, version, slug, up_hash, down_hash, verify_hash, duration_ms, stack, detail)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`;

/** The parameters of {@link insertEvent}. */
export function eventValues(action: LedgerAction, event: HistoryEntry): unknown[] {
    const { version, slug, upHash, downHash, verifyHash, durationMs, stack, detail } = event;
    return [action, version, slug, upHash, downHash, verifyHash, durationMs, stack, detail];
}

/** Adds a line to the history. The caller has the transaction of what happened open. */
export async function addEvent(client: pg.Client, action: LedgerAction, event: HistoryEntry): Promise<void> {
    await client.query(insertEvent, eventValues(action, event));
}
