import { freshSession, type Session } from "../database/session.ts";
import { inWords, moreTimeForStep, runStatement } from "../database/sqlError.ts";
import { endProgress, readUnfinished, requireEnded, turnBack } from "../ledger/unfinished.ts";
import { readDownDirectives, readWayBack } from "../migration/directives.ts";
import { fileName, label, type Migration } from "../migration/migration.ts";
import { type Resumption, resumption } from "../migration/statementRules.ts";
import { type Statement, splitStatements } from "../migration/statements.ts";
import { UserError } from "../userError.ts";
import { indexState, quoted, sameIndex } from "./indexState.ts";
import { keysOf, namesOf, setTimeouts } from "./resumableStatement.ts";

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

/** Takes back whatever up was interrupted, if one was: see {@link undoUnfinished}. */
export async function undoInterruptedUp(session: Session, say: (line: string) => void): Promise<void> {
    const unfinished = await readUnfinished(session);
    if (unfinished?.direction === "up") await undoUnfinished(session, unfinished.migration, say);
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
