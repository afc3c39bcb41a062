import { dropScaffold } from "../archive/scaffold.ts";
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
    const { pending } = compareChain(migrations, await readApplied(session.client));
    const next = pending[0];
    if (next?.version !== version) {
        throw pending.includes(migration)
            ? new UserError(`${label(migration)} is out of order: ${next ? label(next) : ""} comes before it.`)
            : new UserError(`${label(migration)} is applied already: there is nothing to repair.`);
    }
    await requireEnded(session, [migration.version]);
    await inRetriedTransaction(session, {}, say, async () => {
        await session.client.query("select set_config('simulation_db.found', $1, true)", [
            requireFound(migration, found),
        ]);
        await addRepairToLedger(session.client, migration, { stack: session.settings.stack, detail: reason, say });
        await endProgress(session);
    });
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
    await inRetriedTransaction(session, {}, say, async () => {
        await removeRepairFromLedger(session.client, row, { stack: session.settings.stack, detail: reason, say });
        await endProgress(session);
        await dropScaffold(session.client);
    });
    return row;
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

/** A down that reads what up found would drop too much, or fail, without it. */
function requireFound(migration: Migration, found: string | undefined): string {
    if (found === undefined) {
        if (!migration.up.includes("simulation_db.found")) return "";
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
