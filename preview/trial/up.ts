import { recordUndo } from "../../runner/catalog/undo.ts";
import { freshSession } from "../../runner/database/session.ts";
import { inTransaction } from "../../runner/database/transaction.ts";
import { addToLedger } from "../../runner/ledger/ledger.ts";
import { readDirectives } from "../../runner/migration/directives.ts";
import { fileName, type Migration } from "../../runner/migration/migration.ts";
import { archivesOf } from "./archives.ts";
import { afterUp } from "./catalog.ts";
import { tryReversal } from "./down.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { StatementObservation, Trial } from "./observation.ts";
import { committed, readState } from "./state.ts";
import { observeFile, runApart, runQuietly, type Stage, TrialFailed } from "./run.ts";

/**
 * Applies a migration to the shadow as the runner would to the target: up, verify and the ledger row in one transaction,
 * or statement by statement. Then tries its down, and goes back to where up has been applied.
 */
export async function tryUp(stage: Stage, migration: Migration, before: Catalog): Promise<Trial> {
    const { version, slug } = migration;
    const statements: StatementObservation[] = [];
    const part = "up" as const;
    try {
        await applyUp(stage, migration, statements);
    } catch (error) {
        if (!(error instanceof TrialFailed)) throw error;
        await freshSession(stage.session);
        return { version, slug, part, statements, before, after: before, failure: error.failure, archives: [] };
    }
    const after = await afterUp(stage, version, before);
    const archives = await archivesOf(stage, migration);
    const reversal = await tryReversal(stage, migration, after);
    return { version, slug, part, statements, before, after, reversal, archives };
}

/**
 * The snapshot that undo is compared with is the one of now, and is again at the end.
 *
 * @throws TrialFailed
 */
export async function applyUp(stage: Stage, migration: Migration, statements: StatementObservation[]): Promise<void> {
    const { session } = stage;
    const { client, settings } = session;
    const file = fileName(migration, "up");
    const directives = readDirectives(migration.up, file);
    if (!directives.transactional) await runApart(stage, migration.up, file, statements);
    const end = await inTransaction(client, directives, settings, async () => {
        const after = directives.transactional ? await observeFile(stage, migration.up, file, statements) : undefined;
        await runQuietly(stage, migration.verify, fileName(migration, "verify"));
        const how = { durationMs: 0, stack: settings.stack, say: () => {} };
        await addToLedger(client, migration, how, directives.transactional);
        return after;
    });
    stage.now = end ? committed(end) : await readState(client);
    await recordUndo(client, migration.version);
}
