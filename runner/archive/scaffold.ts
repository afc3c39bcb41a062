import type pg from "pg";
import { beginCaptures, captureName, type Capture, endCaptures, isCapture } from "./capture.ts";
import { guardName, isGuard, lowerGuards, raiseGuards, type RowsThatLeave } from "./guard.ts";
import type { LedgerRow } from "../ledger/ledger.ts";
import type { Migration } from "../migration/migration.ts";
import { inRetriedTransaction } from "../database/retry.ts";
import type { Session } from "../database/session.ts";

/** What a rollback puts on large tables before its transaction, so that others go on writing to them. */
export interface Scaffold {
    /** Rows of which no more come: guard.ts. */
    readonly guarded: readonly RowsThatLeave[];
    /** Columns of which every write is noted: capture.ts. */
    readonly captures: readonly Capture[];
}

export const noScaffold: Scaffold = { guarded: [], captures: [] };

/** Versions of the migrations whose rollback has put one up. SQL: a query. */
export const scaffoldVersions = `
    select substring(k.conname from '${guardName}') from pg_catalog.pg_constraint as k where ${isGuard("k")}
    union all
    select substring(p.proname from '${captureName}') from pg_catalog.pg_proc as p where ${isCapture("p")}`;

/**
 * @param found what up found already there, as JSON text
 * @param hasLargeTables whether up has given large tables columns
 * @returns what was put up; {@link takeScaffoldAway} is to follow where the rollback's transaction does not commit
 * @throws UserError when a table is not to be had; nothing stays up then
 */
export async function putScaffoldUp(
    session: Session,
    migration: Migration,
    { found, hasLargeTables }: { readonly found: string | null; readonly hasLargeTables: boolean },
    say: (line: string) => void,
): Promise<Scaffold> {
    const guarded = await raiseGuards(session, migration, found, say);
    try {
        return { guarded, captures: hasLargeTables ? await beginCaptures(session, migration, say) : [] };
    } catch (error) {
        // What cannot be taken away now is by the next run.
        if (guarded.length > 0) await takeScaffoldAway(session, say).catch(() => {});
        throw error;
    }
}

/** Takes it away, wherever it is by now, in the transaction of the caller. */
export async function dropScaffold(client: pg.Client): Promise<void> {
    await lowerGuards(client);
    await endCaptures(client);
    // A snapshot of this very transaction is without it.
    await client.query("update simulation_db.snapshot set last = null");
}

/** The same after a down that failed, outside its transaction. */
export async function takeScaffoldAway(session: Session, say: (line: string) => void): Promise<void> {
    await inRetriedTransaction(session, {}, say, () => dropScaffold(session.client));
}

/** The same after a run that was killed. @param applied the ledger, which says whether one has left any */
export async function takeLeftScaffoldAway(
    session: Session,
    applied: readonly Pick<LedgerRow, "hasScaffold">[],
    say: (line: string) => void,
): Promise<void> {
    if (applied.some(({ hasScaffold }) => hasScaffold)) await takeScaffoldAway(session, say);
}
