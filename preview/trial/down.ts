import { keepRows } from "../../runner/archive/keep.ts";
import { readFaults, takeSnapshot } from "../../runner/catalog/undo.ts";
import { freshSession } from "../../runner/database/session.ts";
import { inTransaction } from "../../runner/database/transaction.ts";
import { removeFromLedger } from "../../runner/ledger/ledger.ts";
import { readDownDirectives, readNoWayBack, readWayBack } from "../../runner/migration/directives.ts";
import { fileName, type Migration } from "../../runner/migration/migration.ts";
import { learnUndo } from "../../runner/steps/learnUndo.ts";
import { applyUp } from "./apply.ts";
import { archivesOf } from "./archives.ts";
import { takeCatalog } from "./catalog.ts";
import type { Archived, Reversal, StatementObservation, Trial } from "./observation.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { observeFile, observeWork, runApart, type Stage, TrialFailed } from "./run.ts";
import { committed, readState, type State } from "./state.ts";

/** Ends a transaction that was only to be looked at. */
class GoBack extends Error {}

/**
 * Rolls an applied migration back on the shadow, as the runner would on the target, save that what its proof finds is
 * told and does not stop it.
 */
export async function tryDown(stage: Stage, migration: Migration, before: Catalog): Promise<Trial> {
    const { version, slug } = migration;
    const trial = { version, slug, part: "down" as const, before };
    const statements: StatementObservation[] = [];
    if ((await readNoWayBack(migration)) !== undefined) {
        return { ...trial, statements, after: before, reversal: noWayBack, archives: [] };
    }
    let archives: Archived[] = [];
    try {
        const faults = await runDown(stage, migration, statements, stage.start, async () => {
            archives = await archivesOf(stage, migration);
            await removeFromLedger(stage.session.client, migration, { stack: "preview", say: () => {} });
        });
        const reversal = verdictOf(faults, migration, []);
        return { ...trial, statements, after: await takeCatalog(stage), reversal, archives };
    } catch (error) {
        if (!(error instanceof TrialFailed)) throw error;
        await freshSession(stage.session);
        return { ...trial, statements, after: before, failure: error.failure, archives };
    }
}

/**
 * Tries the down of a migration that has just been applied to the shadow, and takes it back.
 *
 * @param after the catalog that must be there again at the end
 */
export async function tryReversal(stage: Stage, migration: Migration, after: Catalog): Promise<Reversal> {
    if ((await readNoWayBack(migration)) !== undefined) return noWayBack;
    const { transactional } = readWayBack(migration);
    const statements: StatementObservation[] = [];
    const start = stage.now;
    try {
        let faults: readonly Fault[] = [];
        if (transactional) {
            await runDown(stage, migration, statements, start, async found => {
                faults = found;
                throw new GoBack();
            }).catch((error: unknown) => {
                if (!(error instanceof GoBack)) throw error;
            });
        } else {
            // What ran outside a transaction is undone by going up again.
            faults = await runDown(stage, migration, statements, start, async () => {
                await removeFromLedger(stage.session.client, migration, { stack: "preview", say: () => {} });
            });
            await takeSnapshot(stage.session.client);
            await applyUp(stage, migration, []);
            const again = await takeCatalog(stage);
            const other = [...after].find(([key, definition]) => again.get(key) !== definition);
            if (other) throw new Error(`after down and a second up, ${other[0]} is not what it was after the first`);
        }
        await freshSession(stage.session);
        return verdictOf(faults, migration, statements);
    } catch (error) {
        if (!(error instanceof TrialFailed)) throw error;
        await freshSession(stage.session);
        return { verdict: "not tried", differs: [], declared: [], failure: error.failure, statements };
    }
}

type Fault = Awaited<ReturnType<typeof readFaults>>[number];

const noWayBack: Reversal = { verdict: "declared irreversible", differs: [], declared: [], statements: [] };

/**
 * The snapshot is that of now.
 *
 * @param finish what comes in the same transaction after down was proven
 * @returns what the proof of undo finds
 */
async function runDown(
    stage: Stage,
    migration: Migration,
    statements: StatementObservation[],
    start: State,
    finish: (faults: readonly Fault[]) => Promise<void>,
): Promise<readonly Fault[]> {
    const { client, settings } = stage.session;
    const file = fileName(migration, "down");
    const directives = readWayBack(migration);
    if (!directives.transactional) await runApart(stage, migration.down, file, statements);
    let end: State | undefined;
    const faults = await inTransaction(client, directives.transactional ? directives : {}, settings, async () => {
        const { rows } = await client.query<{ found: string | null; repaired: boolean }>(
            "select found::text as found, repaired from simulation_db.migration where version = $1",
            [migration.version],
        );
        await client.query("select set_config('simulation_db.found', $1, true)", [rows[0]?.found ?? ""]);
        if (directives.transactional) {
            if (rows[0]?.repaired) await learnUndo({ client, settings }, migration);
            const place = { file, line: 1, statement: "the rows that go are kept in the archive" };
            const kept = await observeWork(stage, { place, kind: "archive" }, statements, start, () =>
                keepRows(client, migration, settings),
            );
            end = await observeFile(stage, migration.down, file, statements, start, kept);
        }
        const faults = (await readFaults(client, migration, directives.transactional)).filter(
            ({ key }) => !stage.shadow.isOwn(key),
        );
        await finish(faults);
        return faults;
    });
    stage.now = end ? committed(end) : await readState(client);
    return faults;
}

function verdictOf(faults: readonly Fault[], migration: Migration, statements: StatementObservation[]): Reversal {
    const { notRestored } = readDownDirectives(migration.down, fileName(migration, "down"));
    const declared = faults.map(({ key }) => key).filter(key => notRestored.includes(key));
    const differs = faults
        .filter(({ key }) => !notRestored.includes(key))
        .map(({ key, expected, actual }) => ({ key, expected, actual }));
    const onlyOrder = declared.every(key => key.startsWith("column order of "));
    const verdict =
        differs.length > 0
            ? "differs"
            : declared.length === 0
              ? "restored"
              : onlyOrder
                ? "restored except column order"
                : "restored except what is declared";
    return { verdict, differs, declared, statements };
}
