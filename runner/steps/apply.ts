import { takeLeftScaffoldAway } from "../archive/scaffold.ts";
import { restoreRows } from "../archive/restore.ts";
import { recordUndo, takeSnapshot, takeSnapshotUnlessUnfinished } from "../catalog/undo.ts";
import { isStored, requireNext } from "../ledger/chain.ts";
import { type Directives, readDirectives } from "../migration/directives.ts";
import { addToLedger, type LedgerRow, readApplied, recordInLedger } from "../ledger/ledger.ts";
import { fileName, type Migration } from "../migration/migration.ts";
import { type Outcome, outcome } from "./outcome.ts";
import { endInterruptedRollBack } from "./rollback.ts";
import { forgetUnfinished } from "./interrupted.ts";
import { finishUp, runStatements } from "./resumable.ts";
import { lookingAgain, withRetries } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { runFile } from "../database/sqlError.ts";
import { inTransaction } from "../database/transaction.ts";

/**
 * Applies one migration: up, verify and the ledger row are one transaction. A version that is applied with the same
 * text is adopted: no statement of it runs.
 *
 * @param applied the ledger as it is now
 * @param say progress, for people
 * @throws UserError when the migration is not the next one, or was applied with another text
 * @throws SqlError when PostgreSQL refuses a statement; nothing of the migration remains then
 */
export async function apply(
    session: Session,
    migration: Migration,
    applied: readonly LedgerRow[],
    say: (line: string) => void,
): Promise<Outcome> {
    const started = performance.now();
    await takeLeftScaffoldAway(session, applied, say);
    let ledger = applied;
    if (requireNext(migration, ledger) && (await endInterruptedRollBack(session, ledger, say))) {
        ledger = await readApplied(session.client);
    }
    const row = requireNext(migration, ledger);
    await settle(session, ledger, say);
    if (!row) return await applyNext(session, migration, say);
    if (!isStored(migration, row)) await recordInLedger(session.client, migration, session.settings.stack);
    return outcome("adopted", started);
}

/**
 * Applies the one that comes after the newest in the ledger, which the caller has read while it held the lock.
 *
 * @param say progress, for people
 * @throws SqlError as {@link apply}
 */
export async function applyNext(session: Session, migration: Migration, say: (line: string) => void): Promise<Outcome> {
    const started = performance.now();
    const { client } = session;
    const directives = readDirectives(migration.up, fileName(migration, "up"));
    if (directives.transactional) {
        const again = <T>(work: () => Promise<T>) => withRetries(session, say, work);
        if (!(await again(() => takeSnapshotUnlessUnfinished(client)))) {
            await forgetUnfinished(session, migration);
            await again(() => takeSnapshot(client));
        }
        await applyInTransaction(session, migration, directives, say);
    } else {
        await runStatements(session, migration, "up", directives, say);
        await finishUp(session, migration, directives, Math.round(performance.now() - started), say);
    }
    await settle(session, [{ ...migration, hasUndo: false, hasArchived: false }], say);
    return outcome("applied", started);
}

/**
 * Ends what an interrupted run left half done, so that the ledger alone says what comes next: a rollback goes on to its
 * end, and each migration gets what follows its commit.
 *
 * @returns the ledger as it is then
 */
export async function endInterrupted(session: Session, say: (line: string) => void): Promise<LedgerRow[]> {
    let applied = await readApplied(session.client);
    await takeLeftScaffoldAway(session, applied, say);
    if (await endInterruptedRollBack(session, applied, say)) applied = await readApplied(session.client);
    await settle(session, applied, say);
    return applied;
}

/**
 * What follows the commits, with no lock of the migrations held; done again when a run ended before it was through, and
 * before the next migration changes the catalog and the tables.
 */
async function settle(
    session: Session,
    applied: readonly Pick<LedgerRow, "version" | "slug" | "hasUndo" | "hasArchived">[],
    say: (line: string) => void,
): Promise<void> {
    for (const row of applied) {
        const record = () => recordUndo(session.client, row.version);
        const archived = row.hasUndo ? row.hasArchived : await withRetries(session, say, record);
        if (archived) await restoreRows(session, row, say);
    }
}

async function applyInTransaction(
    session: Session,
    migration: Migration,
    directives: Directives,
    say: (line: string) => void,
): Promise<void> {
    const { client, settings } = session;
    const work = async () => {
        const started = performance.now();
        await runFile(client, migration.up, fileName(migration, "up"));
        await runFile(client, migration.verify, fileName(migration, "verify"));
        const durationMs = Math.round(performance.now() - started);
        await addToLedger(client, migration, { durationMs, stack: settings.stack, say }, true);
    };
    // What somebody else has changed while the last one waited is not up's.
    const attempt = lookingAgain(
        () => takeSnapshot(client),
        () => inTransaction(client, directives, settings, work),
    );
    await withRetries(session, say, attempt);
}
