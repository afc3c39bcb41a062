import type { Catalog } from "../../runner/catalog/catalog.ts";
import { freshSession } from "../../runner/database/session.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { applyUp } from "./apply.ts";
import { archivesOf } from "./archives.ts";
import { afterUp } from "./catalog.ts";
import { tryReversal } from "./down.ts";
import type { StatementObservation, Trial } from "./observation.ts";
import { type Stage, TrialFailed } from "./run.ts";

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
