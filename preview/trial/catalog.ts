import { takeSnapshot } from "../../runner/catalog/undo.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { Stage } from "./run.ts";

/** The catalog after an up whose changes are recorded: made of these, so that the whole need not be read again. */
export async function afterUp({ shadow }: Stage, version: string, before: Catalog): Promise<Catalog> {
    const { rows } = await shadow.client.query<Record<"added" | "removed", Record<string, string>>>(
        "select undo -> 'added' as added, undo -> 'removed' as removed from simulation_db.migration where version = $1",
        [version],
    );
    const after = new Map(before);
    for (const key of Object.keys(rows[0]?.removed ?? {})) after.delete(key);
    for (const [key, definition] of Object.entries(rows[0]?.added ?? {})) {
        if (!shadow.isOwn(key)) after.set(key, definition);
    }
    return after;
}

/**
 * The shadow's catalog without what is the shadow's own. It becomes the snapshot that the next change is compared with,
 * and is read from there, so that it is put together once.
 */
export async function takeCatalog({ shadow }: Pick<Stage, "shadow">): Promise<Catalog> {
    await takeSnapshot(shadow.client);
    const { rows } = await shadow.client.query<{ key: string; definition: string }>(
        "select key, definition from simulation_db.snapshot_entry",
    );
    return new Map(rows.filter(({ key }) => !shadow.isOwn(key)).map(({ key, definition }) => [key, definition]));
}
