import type pg from "pg";
import { type LedgerRow, readLedger, readTexts } from "./ledger.ts";
import { hashOf, label, type Migration, versionOf } from "../migration/migration.ts";
import { UserError } from "../userError.ts";

/** How the sql folder and the ledger of a database relate. */
export interface Chain {
    /** To be applied, in order. */
    readonly pending: readonly Migration[];
    /** Applied, in the folder, same up. */
    readonly applied: readonly Migration[];
    /** Those of them whose down or verify is another one than the ledger has: to be recorded, not run. */
    readonly changed: readonly Migration[];
    /** Applied and the newest, but no longer in the folder: to be rolled back, newest first. */
    readonly removed: readonly LedgerRow[];
}

/**
 * Compares the sql folder with the ledger, before anything runs.
 *
 * @throws UserError that lists all contradictions: an edited up.sql, a version that another branch applied, a migration
 *     removed from the middle
 */
export function compareChain(migrations: readonly Migration[], ledger: readonly LedgerRow[]): Chain {
    const faults: string[] = [];
    /** Can be rolled back alone, and with its new text applied again. */
    let newestEdited: string | undefined;
    /** Whose number another branch's migration has, or has passed. */
    const overtaken: string[] = [];
    const byVersion = new Map(migrations.map(migration => [migration.version, migration]));
    const newest = migrations.at(-1)?.version ?? "0000";

    const removed: LedgerRow[] = [];
    const changed: Migration[] = [];
    for (const row of ledger) {
        const migration = byVersion.get(row.version);
        if (migration && !isStored(migration, row)) changed.push(migration);
        if (migration && row.upHash !== hashOf(migration.up)) {
            faults.push(editedText(migration, row));
            if (migration.slug !== row.slug) overtaken.push(label(migration));
            else if (row === ledger.at(-1)) newestEdited = label(migration);
        }
        if (!migration && row.version > newest) removed.unshift(row);
        if (!migration && row.version <= newest) {
            faults.push(
                `${label(row)} is applied but no longer in the sql folder, and newer ones are: only the newest can be removed`,
            );
        }
    }
    const applied = new Set(ledger.map(row => row.version));
    const newestApplied = ledger.at(-1)?.version ?? "0000";
    const pending = migrations.filter(migration => !applied.has(migration.version));
    for (const migration of pending) {
        if (migration.version < newestApplied) {
            overtaken.push(label(migration));
            faults.push(
                `${label(migration)} is not applied, but ${newestApplied} is: give the new migration a version after ${newestApplied}`,
            );
        }
    }

    if (faults.length > 0) {
        throw new UserError(
            `the sql folder contradicts what is applied:\n${faults.map(fault => `  ${fault}`).join("\n")}`,
            [
                "bring the applied files back as they were (git log -- sql), and",
                "put the change into a new migration with the next version",
                ...(newestEdited !== undefined
                    ? [
                          `or, where it is applied in your own dev alone: move ${newestEdited} out of sql, npm run up, move it back`,
                      ]
                    : []),
                ...(overtaken.length > 0
                    ? [
                          `or, where another branch was quicker: merge it, then npm run new -- --renumber ${overtaken.join(" ")}`,
                      ]
                    : []),
            ],
        );
    }
    return { pending, applied: migrations.filter(migration => applied.has(migration.version)), changed, removed };
}

/** What goes back, newest first, by the texts that the ledger keeps. @param texts all of these, oldest first */
export function toRollBack({ removed }: Pick<Chain, "removed">, texts: readonly Migration[]): Migration[] {
    return texts.filter(({ version }) => removed.some(row => row.version === version)).reverse();
}

/** How a database comes to where the sql folder is. */
export interface Way {
    /** To be applied, in order. */
    readonly pending: readonly Migration[];
    /** Applied, with another down or verify than the ledger has. */
    readonly changed: readonly Migration[];
    /** To be rolled back before, newest first. */
    readonly toRollBack: readonly Migration[];
}

/** @throws UserError when the sql folder contradicts the ledger: {@link compareChain} */
export async function readWay(client: pg.Client, migrations: readonly Migration[]): Promise<Way> {
    const chain = compareChain(migrations, await readLedger(client));
    return { pending: chain.pending, changed: chain.changed, toRollBack: toRollBack(chain, await readTexts(client)) };
}

/**
 * The ledger's row when this very migration is applied; undefined when it is the next to be applied.
 *
 * @throws UserError when it is neither
 */
export function requireNext(migration: Migration, ledger: readonly LedgerRow[]): LedgerRow | undefined {
    const row = ledger.find(({ version }) => version === migration.version);
    if (row) {
        requireSameUp(migration, row);
        return row;
    }
    const newest = ledger.at(-1)?.version ?? "0000";
    const expected = versionOf(Number(newest) + 1);
    if (migration.version !== expected) {
        throw new UserError(
            `${label(migration)} cannot be applied: the newest applied is ${newest}, so ${expected} comes next.`,
            ["see what is applied: npm run status"],
        );
    }
    return undefined;
}

/** Whether the ledger has the down and verify of an applied migration as they are. */
export function isStored(migration: Migration, row: LedgerRow): boolean {
    return row.downHash === hashOf(migration.down) && row.verifyHash === hashOf(migration.verify);
}

/** @throws UserError when the applied text is another one: it names both hashes and the ways out */
export function requireSameUp(migration: Migration, row: LedgerRow): void {
    if (row.upHash === hashOf(migration.up)) return;
    throw new UserError(editedText(migration, row), [
        `bring sql/${label(row)}/up.sql back as it was applied (its text is in simulation_db.migration.up_sql), and put the change into a new migration`,
        "or roll it back first (remove it, npm run up), then apply the new text",
    ]);
}

function editedText(migration: Migration, row: LedgerRow): string {
    const other =
        migration.slug && row.slug !== migration.slug ? `, as ${label(row)}: another branch may have applied it` : "";
    return (
        `${label(migration)}: up.sql differs from what was applied on ${row.appliedAt.toISOString()}${other} ` +
        `(applied ${row.upHash.slice(0, 12)}, now ${hashOf(migration.up).slice(0, 12)})`
    );
}
