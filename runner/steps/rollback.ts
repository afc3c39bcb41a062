import { type Outcome, outcome } from "./outcome.ts";
import { CaptureFailed } from "../archive/capture.ts";
import { completeCopies } from "../archive/catchUp.ts";
import { keepRows } from "../archive/keep.ts";
import { restoreRows } from "../archive/restore.ts";
import {
    dropScaffold,
    noScaffold,
    putScaffoldUp,
    type Scaffold,
    takeLeftScaffoldAway,
    takeScaffoldAway,
} from "../archive/scaffold.ts";
import { prepareComparison, recordUndo, requireUndone, takeSnapshot } from "../catalog/undo.ts";
import { requireSameUp } from "../ledger/chain.ts";
import { type Directives, readDownDirectives, readNoWayBack, readWayBack } from "../migration/directives.ts";
import { type LedgerRow, removeFromLedger } from "../ledger/ledger.ts";
import { readUnfinished } from "../ledger/unfinished.ts";
import { fileName, label, type Migration } from "../migration/migration.ts";
import { learnUndo } from "./learnUndo.ts";
import { undoInterruptedUp } from "./interrupted.ts";
import { finishDown, runStatements } from "./resumable.ts";
import { fresh } from "../database/fresh.ts";
import { lookingAgain, withRetries } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { runFile } from "../database/sqlError.ts";
import { inTransaction } from "../database/transaction.ts";
import { UserError } from "../userError.ts";

/**
 * Rolls one migration back: its down and the removal of the ledger row are one transaction. A version that is not
 * applied is left alone, so a rollback that was interrupted after its commit heals on the next run.
 *
 * @throws UserError when newer migrations are applied, when the applied text is another one, or when there is no way back
 * @throws SqlError when PostgreSQL refuses a statement; the migration is still applied then
 */
export async function rollBack(
    session: Session,
    migration: Migration,
    applied: readonly LedgerRow[],
    say: (line: string) => void,
): Promise<Outcome> {
    const started = performance.now();

    await takeLeftScaffoldAway(session, applied, say);
    await undoInterruptedUp(session, say);
    const row = applied.find(({ version }) => version === migration.version);
    if (!row) return outcome("nothing to undo", started);
    requireSameUp(migration, row);
    requireNewest(migration, applied);

    const directives = readWayBack(migration);
    await requireWayBack(migration);
    const again = <T>(work: () => Promise<T>) => withRetries(session, say, work);
    if (!row.hasUndo) await again(() => recordUndo(session.client, migration.version));
    if (directives.transactional) {
        const prepare = () => again(() => prepareComparison(session.client, migration.version));
        let prepared = await prepare();
        if (prepared.awaitsRows && keepsAll(session, migration)) {
            // A run was killed before they were back. Rows of two rollbacks could not be told apart by age.
            await restoreRows(session, migration, say);
            prepared = await prepare();
        }
        // What nobody saw the up of is tried first, which takes the locks anyway.
        const scaffold = row.repaired
            ? noScaffold
            : await putScaffoldUp(session, migration, { found: row.found, ...prepared }, say);
        // What somebody else has changed while the last one waited is not down's.
        const attempt = lookingAgain(
            () => prepareComparison(session.client, migration.version),
            (on: Scaffold) => rollBackInTransaction(session, migration, row, directives, on, say),
        );
        if (isEmpty(scaffold) || !(await passesOn(scaffold, session, migration, attempt, say))) {
            await again(() => attempt(noScaffold));
        }
    } else {
        await runStatements(session, migration, "down", directives, say);
        await finishDown(session, migration, row, Math.round(performance.now() - started), say);
    }
    return outcome("rolled back", started);
}

/** Whether a rollback archives all that it takes away: where not, what the archive has is safe there and nowhere else. */
function keepsAll({ settings }: Session, migration: Migration): boolean {
    return settings.archive && readDownDirectives(migration.down, fileName(migration, "down")).notArchived.length === 0;
}

/**
 * Takes a rollback without a transaction to its end that an earlier run had begun: half of it is no state to go on from.
 *
 * @returns whether there was one
 */
export async function endInterruptedRollBack(
    session: Session,
    applied: readonly LedgerRow[],
    say: (line: string) => void,
): Promise<boolean> {
    const unfinished = await readUnfinished(session);
    if (unfinished?.direction !== "down") return false;
    // Its down may have been mended since.
    const { rows } = await session.client.query<Pick<Migration, "down">>(
        "select down_sql as down from simulation_db.migration where version = $1",
        [unfinished.migration.version],
    );
    await rollBack(session, { ...unfinished.migration, ...rows[0] }, applied, say);
    return true;
}

function isEmpty({ guarded, captures }: Scaffold): boolean {
    return guarded.length + captures.length === 0;
}

/**
 * Under guards a rollback is attempted once: who waits for a row that leaves may stand in the way of its next lock. Where
 * it does not pass, down may need the table without them, or a capture has failed, and it is to be attempted without.
 */
async function passesOn(
    scaffold: Scaffold,
    session: Session,
    migration: Migration,
    attempt: (on: Scaffold) => Promise<void>,
    say: (line: string) => void,
): Promise<boolean> {
    try {
        if (scaffold.guarded.length > 0) await attempt(scaffold);
        else await withRetries(session, say, () => attempt(scaffold));
        return true;
    } catch (error) {
        const stays = () => say(`${label(migration)}: what it has put on the tables for that stays until the next run`);
        if (scaffold.guarded.length === 0 && !(error instanceof CaptureFailed)) {
            // Whoever has the lock may have it still.
            const { client, settings } = session;
            await inTransaction(client, {}, settings, () => dropScaffold(client)).catch(stays);
            throw error;
        }
        const [first] = (error as Error).message.split("\n");
        say(`${label(migration)}: not while others write (${first}); again, and they wait`);
        await takeScaffoldAway(session, say).catch(() => {
            stays();
            throw error;
        });
        return false;
    }
}

async function rollBackInTransaction(
    session: Session,
    migration: Migration,
    row: LedgerRow,
    directives: Directives,
    scaffold: Scaffold,
    say: (line: string) => void,
): Promise<void> {
    const { client, settings } = session;
    const started = performance.now();
    await inTransaction(client, directives, settings, async () => {
        await client.query("select set_config('simulation_db.found', $1, true)", [row.found ?? ""]);
        if (row.repaired) await learnUndo({ client, settings }, migration);
        const kept = await keepRows(client, migration, settings, {
            scaffold,
            complete: (copies, also) => completeCopies(session, copies, also, () => takeNewSnapshot(session), say),
        });
        await runFile(client, migration.down, fileName(migration, "down"));
        await requireUndone(client, migration);
        // Before the proof, it would have to read more of the catalog.
        if (!isEmpty(scaffold)) await dropScaffold(client);
        if (kept > 0) say(`${label(migration)}: ${kept} rows kept in the archive`);
        await removeFromLedger(client, migration, {
            durationMs: Math.round(performance.now() - started),
            stack: settings.stack,
            say,
        });
    });
}

/** What others have changed in the catalog while columns were copied is not down's. From outside: it is committed there. */
async function takeNewSnapshot({ beside, settings }: Session): Promise<void> {
    const client = await beside("snapshot");
    try {
        await client.query(fresh(settings));
        await takeSnapshot(client);
    } finally {
        await client.end().catch(() => {});
    }
}

function requireNewest(migration: Migration, applied: readonly LedgerRow[]): void {
    const newer = applied.filter(({ version }) => version > migration.version);
    if (newer.length === 0) return;
    throw new UserError(
        `${label(migration)} cannot be rolled back: newer ones are applied (${newer.map(label).join(", ")}).`,
        [
            "roll back the newest first; in a stack whose last update did not end: npm run up first",
            "or, where it should go for good, write a new migration that removes what it made",
        ],
    );
}

async function requireWayBack(migration: Migration): Promise<void> {
    const reason = await readNoWayBack(migration);
    if (reason === undefined) return;
    throw new UserError(`${label(migration)} cannot be rolled back: ${reason}`, [
        "restore a backup, or write a new migration that goes forward",
    ]);
}
