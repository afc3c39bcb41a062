import { recordUndo } from "../../runner/catalog/undo.ts";
import { inTransaction } from "../../runner/database/transaction.ts";
import { addToLedger } from "../../runner/ledger/ledger.ts";
import { readDirectives } from "../../runner/migration/directives.ts";
import { fileName, type Migration } from "../../runner/migration/migration.ts";
import type { StatementObservation } from "./observation.ts";
import { observeFile, runApart, runQuietly, type Stage } from "./run.ts";
import { committed, readState } from "./state.ts";

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
