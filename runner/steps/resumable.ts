import { noTables, readInverse, writeUndo } from "../catalog/inverse.ts";
import { requireUndone, takeSnapshot } from "../catalog/undo.ts";
import { inRetriedTransaction, withRetries } from "../database/retry.ts";
import { freshSession, type Session } from "../database/session.ts";
import { runFile, runStatement } from "../database/sqlError.ts";
import { addToLedger, type LedgerRow, removeFromLedger } from "../ledger/ledger.ts";
import {
    addDone,
    beginProgress,
    endProgress,
    readUnfinished,
    renewProgress,
    setRunning,
    type Unfinished,
} from "../ledger/unfinished.ts";
import type { Directives } from "../migration/directives.ts";
import { fileName, label, type Migration } from "../migration/migration.ts";
import { resumption } from "../migration/statementRules.ts";
import { splitStatements } from "../migration/statements.ts";
import { UserError } from "../userError.ts";
import { cleanUp, isDone } from "./indexState.ts";
import { forgetUnfinished } from "./interrupted.ts";
import { keysOf, namesOf, setTimeouts } from "./resumableStatement.ts";

/**
 * Runs the statements of a migration one by one, each in a transaction of its own as `concurrently` asks, and writes
 * down how far it came, so that the next run goes on where this one was cut off. What ended in between is seen in the
 * catalog: an index is there, is INVALID (then it is dropped and built again), or is not there.
 *
 * @throws SqlError when PostgreSQL refuses a statement; those before it stay done
 */
export async function runStatements(
    session: Session,
    migration: Migration,
    direction: "up" | "down",
    directives: Directives,
    say: (line: string) => void,
): Promise<void> {
    const file = fileName(migration, direction);
    const statements = await splitStatements(migration[direction], file);
    const keys = keysOf(statements);
    const changed = await namesOf(
        session,
        statements.flatMap(statement => resumption(statement) ?? []),
    );
    const progress = await openProgress(session, migration, direction, keys, changed, say);

    for (const [index, statement] of statements.entries()) {
        const key = keys[index] ?? "";
        if (progress.done.includes(key)) continue;
        const where = `${file}:${statement.line}`;
        const step = resumption(statement);
        if (!step) throw new UserError(`${where}: this statement needs a transaction.`);

        let [isOurs, isTold] = [progress.running === key, false];
        // An attempt leaves what an interrupted run does: other timeouts, perhaps an INVALID index.
        await withRetries(session, say, async () => {
            await setTimeouts(session, directives, step);
            if (await isDone(session, step, isOurs, where, say)) return;
            const [first] = statement.text.split("\n");
            if (!isTold) say(`${label(migration)}: statement ${index + 1} of ${statements.length}: ${first}`);
            isTold = true;
            // Only from here on is an index of that name ours.
            await setRunning(session, key);
            isOurs = true;
            try {
                await runStatement(session.client, statement, file);
            } catch (error) {
                isOurs = !(await cleanUp(session, step, error, say));
                throw error;
            }
        });
        await addDone(session, key);
    }
    await freshSession(session);
    // Statements of this kind may take hours: what others did to the catalog meanwhile is none of the migration's.
    await withRetries(session, say, () => takeSnapshot(session.client, changed));
}

/** Verify, the ledger row and the end of the progress are one transaction. */
export async function finishUp(
    session: Session,
    migration: Migration,
    directives: Directives,
    durationMs: number,
    say: (line: string) => void,
): Promise<void> {
    const { client, settings } = session;
    await inRetriedTransaction(session, directives, say, async () => {
        await runFile(client, migration.verify, fileName(migration, "verify"));
        await addToLedger(client, migration, { durationMs, stack: settings.stack, say }, false);
        await endProgress(session);
    });
}

/** The ledger row goes in the same transaction as the progress. */
export async function finishDown(
    session: Session,
    migration: Migration,
    { repaired }: LedgerRow,
    durationMs: number,
    say: (line: string) => void,
): Promise<void> {
    const { client, settings } = session;
    await inRetriedTransaction(session, {}, say, async () => {
        // Nobody saw its up: what down did is taken for the opposite of it. Its statements touch indexes and constraints.
        if (repaired) await writeUndo(client, migration.version, await readInverse(client, noTables));
        await requireUndone(client, migration, false);
        await removeFromLedger(client, migration, { durationMs, stack: settings.stack, say });
        await endProgress(session);
    });
}

async function openProgress(
    session: Session,
    migration: Migration,
    direction: "up" | "down",
    keys: readonly string[],
    changed: readonly string[],
    say: (line: string) => void,
): Promise<Pick<Unfinished, "running" | "done">> {
    const snapshot = (but?: readonly string[]) => withRetries(session, say, () => takeSnapshot(session.client, but));
    const unfinished = await readUnfinished(session);
    if (unfinished) {
        const sameWay = unfinished.migration.version === migration.version && unfinished.direction === direction;
        const touched = [...unfinished.done, ...(unfinished.running ? [unfinished.running] : [])];
        if (sameWay && !unfinished.isTurnedBack && touched.every(key => keys.includes(key))) {
            await snapshot(changed);
            await renewProgress(session, migration);
            return unfinished;
        }
        // The way or the text changed since the interruption: what was begun is taken back first, to its end.
        await forgetUnfinished(session, migration);
    }
    await snapshot();
    await beginProgress(session, migration, direction);
    return { running: null, done: [] };
}
