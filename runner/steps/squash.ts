import { applyNext, endInterrupted } from "./apply.ts";
import type { Outcome } from "./outcome.ts";
import { compareChain } from "../ledger/chain.ts";
import { type LedgerRow, readApplied, readTexts } from "../ledger/ledger.ts";
import { label, type Migration } from "../migration/migration.ts";
import { record } from "./record.ts";
import { rollBack } from "./rollback.ts";
import type { Session } from "../database/session.ts";
import type { Say } from "../output.ts";

/**
 * Applies those of a squash that are not applied yet, each in a transaction of its own as ever, and adopts the others.
 * What was applied stays when a later one fails: the next run goes on from there.
 *
 * @param migrations from the first one on, in order
 * @param options.before told of each one that is about to be applied
 * @returns how many it applied
 * @throws UserError when the ledger contradicts them
 * @throws SqlError when PostgreSQL refuses a statement; nothing of that migration remains then
 */
export async function applySquash(
    session: Session,
    migrations: readonly Migration[],
    { say, before }: { readonly say: Say; readonly before: (session: Session, migration: Migration) => Promise<void> },
): Promise<number> {
    const applied = await endInterrupted(session, say);
    const { pending, changed } = compareChain(migrations, applied);
    for (const migration of changed) await record(session, migration, applied);
    for (const migration of pending) {
        await before(session, migration);
        const { durationMs } = await applyNext(session, migration, say);
        say(`${label(migration)} applied in ${durationMs} ms`);
    }
    return pending.length;
}

/**
 * Rolls back what the ledger says is squashed, newest first and by the texts that it keeps: nothing when the stack has
 * taken the squash apart.
 *
 * @returns how many
 * @throws as {@link rollBack}; those before it stay rolled back
 */
export async function rollBackSquash(session: Session, say: Say): Promise<number> {
    const ledger = await readApplied(session.client);
    const squashed = new Set(ledger.filter(row => row.squashed).map(({ version }) => version));
    const migrations = (await readTexts(session.client)).filter(({ version }) => squashed.has(version));
    for (const migration of migrations.toReversed()) {
        const left = ledger.filter(({ version }) => version <= migration.version || !squashed.has(version));
        const { durationMs } = await rollBack(session, migration, left, say);
        say(`${label(migration)} rolled back in ${durationMs} ms`);
    }
    return migrations.length;
}

/** The rollback of a resource that stands for one migration: none where the squash has taken its place. */
export async function rollBackUnlessSquashed(
    session: Session,
    migration: Migration,
    applied: readonly LedgerRow[],
    say: Say,
): Promise<Outcome> {
    const row = applied.find(({ version }) => version === migration.version);
    if (row?.squashed) return { did: "left to the squash", durationMs: 0 };
    return await rollBack(session, migration, applied, say);
}
