import { keepRows } from "../archive/keep.ts";
import { readInverse, readTables, writeUndo } from "../catalog/inverse.ts";
import { fileName, type Migration } from "../migration/migration.ts";
import type { Session } from "../database/session.ts";
import { runFile } from "../database/sqlError.ts";

/**
 * Before the rollback of a migration that `repair` marked as applied: tries its down, to learn what it takes away, and
 * goes back. What is learned stands in for the record that its up would have left, so that the rows that are about to
 * go are archived as always. In the rollback's own transaction, so all of it is tried again together.
 */
export async function learnUndo(
    { client, settings }: Pick<Session, "client" | "settings">,
    migration: Migration,
): Promise<void> {
    await client.query("savepoint before_trial");
    await keepRows(client, migration, settings);
    const before = await readTables(client);
    await runFile(client, migration.down, fileName(migration, "down"));
    const undo = await readInverse(client, before);
    await client.query("rollback to savepoint before_trial");
    await writeUndo(client, migration.version, undo);
}
