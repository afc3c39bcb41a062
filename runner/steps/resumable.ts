import { noTables, readInverse, writeUndo } from "../catalog/inverse.ts";
import { requireUndone, takeSnapshot } from "../catalog/undo.ts";
import { type Directives, readDownDirectives, readWayBack } from "../migration/directives.ts";
import { addToLedger, type LedgerRow, removeFromLedger } from "../ledger/ledger.ts";
import {
    addDone,
    beginProgress,
    endProgress,
    readUnfinished,
    renewProgress,
    requireEnded,
    setRunning,
    turnBack,
    type Unfinished,
} from "../ledger/unfinished.ts";
import { fileName, hashOf, label, type Migration } from "../migration/migration.ts";
import { noticeGoneMs } from "../database/fresh.ts";
import { inRetriedTransaction, withRetries } from "../database/retry.ts";
import { freshSession, type Session } from "../database/session.ts";
import { inWords, moreTimeForStep, runFile, runStatement } from "../database/sqlError.ts";
import { cleanUp, indexState, isDone, quoted, sameIndex } from "./indexState.ts";
import { type Resumption, resumption } from "../migration/statementRules.ts";
import { type Statement, splitStatements } from "../migration/statements.ts";
import { UserError } from "../userError.ts";

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

/**
 * Takes back what an interrupted up left, when the next run goes back instead of on: drops the indexes that it built,
 * whole or INVALID, and makes those again that it dropped, as down says. Validated constraints stay validated: the
 * migration that made them takes them away.
 *
 * @param down the text of today; what it does not say of an index, the text says that up ran with last
 * @throws UserError when neither says how an index comes back; nothing was taken back then
 */
export async function undoUnfinished(
    session: Session,
    migration: Migration,
    say: (line: string) => void,
    down = migration.down,
): Promise<void> {
    const { client } = session;
    // By the directives with which it ran last: where they are too short, the stack can say more.
    const longest = Math.max(readWayBack(migration).statementTimeoutMs ?? 0, session.settings.statementTimeoutMs);
    const left = await readLeft(session, migration, [down, migration.down]);
    await turnBack(session);
    for (const { step, isThere, maker } of left) {
        const index = `${step.schema}.${step.index}`;
        await setTimeouts(session, { transactional: false, statementTimeoutMs: longest }, step);
        if (isThere) {
            say(`${label(migration)} was interrupted: dropping the index ${index}, which it had begun`);
            await client.query(`drop index concurrently ${quoted(client, step)}`).catch((error: unknown) => {
                throw inWords(error, moreTimeForStep);
            });
        }
        if (!maker) continue;
        say(`${label(migration)} was interrupted: building the index ${index} again, which it had dropped`);
        await runStatement(client, maker, fileName(migration, "down"), moreTimeForStep);
    }
    await freshSession(session);
    await endProgress(session);
}

/** An index that is not as it was before an interrupted up. */
interface LeftIndex {
    readonly step: Exclude<Resumption, { kind: "validate" }>;
    /** What there is of it has to go. */
    readonly isThere: boolean;
    /** What makes it again; undefined: it was not there before, or does not come back. */
    readonly maker: Statement | undefined;
}

/** @throws UserError as {@link undoUnfinished} */
async function readLeft(session: Session, migration: Migration, downs: readonly string[]): Promise<LeftIndex[]> {
    const unfinished = await readUnfinished(session);
    const touched = [...(unfinished?.done ?? []), unfinished?.running];
    const statements = await splitStatements(migration.up, fileName(migration, "up"));
    const keys = keysOf(statements);
    const left: LeftIndex[] = [];
    const begun = statements.filter((_, index) => touched.includes(keys[index])).map(resumption);
    for (const [position, step] of begun.entries()) {
        if (step === undefined || step.kind === "validate") continue;
        // What was there before is told by the first statement on an index.
        if (begun.findIndex(other => sameIndex(other, step)) !== position) continue;
        const state = await indexState(session, step);
        // One that is there again after a drop may be another.
        const isAnother =
            step.kind === "drop index" &&
            begun.slice(position).some(other => other?.kind === "create index" && sameIndex(other, step));
        if (state === (step.kind === "create index" ? "missing" : "valid") && !isAnother) continue;
        const maker =
            step.kind === "drop index" ? await makerOf(session, migration, step, downs, isAnother) : undefined;
        left.push({ step, isThere: state !== "missing", maker });
    }
    return left;
}

/**
 * @param downs the first one that says something of the index goes
 * @returns what makes an index again that was dropped; undefined where that is declared not to be restored
 */
async function makerOf(
    session: Session,
    migration: Migration,
    step: LeftIndex["step"],
    downs: readonly string[],
    isAnother: boolean,
): Promise<Statement | undefined> {
    const file = fileName(migration, "down");
    const [name = ""] = await namesOf(session, [step]);
    for (const down of downs) {
        const maker = (await splitStatements(down, file)).find(statement => {
            const other = resumption(statement);
            return other?.kind === "create index" && sameIndex(other, step);
        });
        if (maker || readDownDirectives(down, file).notRestored.includes(name)) return maker;
    }
    throw new UserError(
        `${file} does not make the index ${step.schema}.${step.index} again, which an interrupted up has dropped: nothing was taken back.`,
        [
            `add its create index concurrently to down.sql, or "-- not-restored: ${name}" at the head; npm run up (from a shell: node runner/main.ts migrate up) takes the new text and goes forward`,
            // By hand, the one that up has built under its name would have to go first.
            ...(isAnother ? [] : ["or build the index by hand, and run the same command again"]),
        ],
    );
}

/**
 * Before a migration begins: what an interrupted up of it left is taken back, as its text or its way is another one now.
 *
 * @throws UserError when something else was interrupted, another migration or a rollback: that has to end first
 */
export async function forgetUnfinished(session: Session, migration: Migration): Promise<void> {
    const unfinished = await readUnfinished(session);
    if (!unfinished) return;
    if (unfinished.direction === "up" && unfinished.migration.version === migration.version) {
        await undoUnfinished(session, unfinished.migration, () => {}, migration.down);
        return;
    }
    await requireEnded(session, []);
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

async function setTimeouts({ client, settings }: Session, directives: Directives, step: Resumption): Promise<void> {
    // `concurrently` waits for old transactions with a lock that stops no reads or writes: a lock timeout would only
    // leave an INVALID index (PostgreSQL documentation, CREATE INDEX, "Building Indexes Concurrently").
    const lockTimeoutMs = step.kind === "validate" ? (directives.lockTimeoutMs ?? settings.lockTimeoutMs) : 0;
    const statementTimeoutMs = directives.statementTimeoutMs ?? settings.statementTimeoutMs;
    await client.query(
        `set lock_timeout = ${lockTimeoutMs}; set statement_timeout = ${statementTimeoutMs};
         set client_connection_check_interval = ${noticeGoneMs}`,
    );
}

/** What each statement is known by in the progress: its text, and how often the same text stood before it. */
function keysOf(statements: readonly Statement[]): string[] {
    const seen = new Map<string, number>();
    return statements.map(({ text }) => {
        const before = seen.get(text) ?? 0;
        seen.set(text, before + 1);
        return hashOf(before === 0 ? text : `${text}\n-- ${before}`);
    });
}

/** What these make, drop and validate, as the catalog names it. */
async function namesOf({ client }: Session, steps: readonly Resumption[]): Promise<string[]> {
    const indexes = steps.filter(step => step.kind !== "validate");
    const constraints = steps.flatMap(step => (step.kind === "validate" ? step.constraints : []));
    const { rows } = await client.query<{ name: string }>(
        `select format('index %I.%I', schema, index) as name from unnest($1::text[], $2::text[]) as each (schema, index)
         union all
         -- That of a partitioned table is one of each partition.
         select format('constraint %I on %I.%I', o.conname, n.nspname, c.relname)
         from pg_catalog.pg_constraint as o inner join pg_catalog.pg_class as c on c.oid = o.conrelid
         inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         where o.conname = any ($3)`,
        [indexes.map(({ schema }) => schema), indexes.map(({ index }) => index), constraints],
    );
    return rows.map(({ name }) => name);
}
