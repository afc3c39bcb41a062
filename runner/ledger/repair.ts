import { dropScaffold } from "../archive/scaffold.ts";
import { recordUndo, takeAsMeant } from "../catalog/undo.ts";
import { compareChain } from "./chain.ts";
import { addRepairToLedger, type LedgerRow, readApplied, removeRepairFromLedger } from "./ledger.ts";
import { endProgress, requireEnded } from "./unfinished.ts";
import { fileName, label, type Migration } from "../migration/migration.ts";
import { inRetriedTransaction } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { UserError } from "../userError.ts";

/** Why and how a migration is marked. */
export interface RepairOptions {
    /** Kept in the history. */
    readonly reason: string;
    /** What up would have found (setting simulation_db.found), as JSON; for migrations whose up says it. */
    readonly found?: string;
}

/**
 * Marks the next migration as applied, without running anything: somebody did by hand what its up does.
 *
 * @throws UserError when it is not the next one of the sql folder, when there is no reason, or when its down would need
 *     to know what up found
 */
export async function markApplied(
    session: Session,
    migrations: readonly Migration[],
    version: string,
    { reason, found }: RepairOptions,
    say: (line: string) => void,
): Promise<Migration> {
    requireReason(reason);
    const migration = migrations.find(candidate => candidate.version === version);
    if (!migration) throw unknown(version);
    const applied = await readApplied(session.client);
    const { pending } = compareChain(migrations, applied);
    const next = pending[0];
    if (next?.version !== version) {
        throw pending.includes(migration)
            ? new UserError(`${label(migration)} is out of order: ${next ? label(next) : ""} comes before it.`)
            : new UserError(`${label(migration)} is applied already: there is nothing to repair.`);
    }
    await requireEnded(session, [migration.version]);
    const json = requireFound(migration, found);
    const changed = await inRetriedTransaction(session, {}, say, async () => {
        await session.client.query("select set_config('simulation_db.found', $1, true)", [json]);
        await addRepairToLedger(session.client, migration, { stack: session.settings.stack, detail: reason, say });
        await endProgress(session);
        return await vouchFor(session, applied);
    });
    sayVouched(changed, say);
    return migration;
}

/**
 * Marks the newest applied migration as not applied, without running anything: somebody undid it by hand. Its folder may
 * be gone: what is applied, the ledger knows.
 *
 * @throws UserError when it is not the newest one that is applied, or when there is no reason
 */
export async function markReverted(
    session: Session,
    version: string,
    { reason }: RepairOptions,
    say: (line: string) => void,
): Promise<LedgerRow> {
    requireReason(reason);
    const applied = await readApplied(session.client);
    const row = applied.find(candidate => candidate.version === version);
    const newest = applied.at(-1);
    if (!row || !newest) {
        throw new UserError(`${version} is not applied: there is nothing to repair.`, [
            "see what is: node runner/main.ts status",
        ]);
    }
    if (newest.version !== version) {
        throw new UserError(`${label(row)} is out of order: ${label(newest)} was applied after it.`, [
            `mark ${label(newest)} first, if that was undone as well`,
        ]);
    }
    await requireEnded(session, [row.version]);
    const changed = await inRetriedTransaction(session, {}, say, async () => {
        await removeRepairFromLedger(session.client, row, { stack: session.settings.stack, detail: reason, say });
        await endProgress(session);
        await dropScaffold(session.client);
        return await takeAsMeant(session.client);
    });
    sayVouched(changed, say);
    return row;
}

/**
 * Takes the catalog as it is for meant, as the last of the caller's transaction.
 *
 * @param applied before that
 * @returns what {@link takeAsMeant} does
 */
export async function vouchFor({ client }: Session, applied: readonly LedgerRow[]): Promise<string[]> {
    const newest = applied.at(-1);
    // A run was killed before it had written down what that one changed: with another snapshot nobody could.
    if (newest && !newest.hasUndo) await recordUndo(client, newest.version);
    return await takeAsMeant(client);
}

/** No more than the person is asked to see: what else somebody has changed is not swallowed unseen. */
export function sayVouched(changed: readonly string[], say: (line: string) => void): void {
    if (changed.length === 0) return;
    say("from now on this is no drift; see that nothing is among it that was not meant:");
    for (const key of changed) say(`  ${key}`);
}

function requireReason(reason: string): void {
    if (reason.trim().length > 0) return;
    throw new UserError("a repair needs a reason: it is all that the history will know of it.", [
        'for example --reason "applied by hand in the SQL editor on Monday"',
    ]);
}

function unknown(version: string): UserError {
    return new UserError(`the sql folder has no migration ${version}.`, [
        "see what there is: node runner/main.ts status",
    ]);
}

/** Whether up says what it finds: a down that reads that would drop too much, or fail, without it. */
export function saysFound({ up }: Migration): boolean {
    return up.includes("simulation_db.found");
}

function requireFound(migration: Migration, found: string | undefined): string {
    if (found === undefined) {
        if (!saysFound(migration)) return "";
        throw new UserError(
            `${fileName(migration, "up")} writes down what it finds (simulation_db.found), and its down goes by that.`,
            [
                `say what it would have been, as JSON in the form that ${fileName(migration, "up")} gives it: --found '…'`,
            ],
        );
    }
    try {
        return JSON.stringify(JSON.parse(found));
    } catch {
        throw new UserError(`--found is no JSON: ${found}`);
    }
}
