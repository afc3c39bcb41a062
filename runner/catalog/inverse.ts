import type pg from "pg";
import { onlyIn, tablesNow } from "./tables.ts";

/** What up changed in the catalog, in the form that the ledger keeps. */
export interface Undo {
    readonly added: Record<string, string>;
    readonly removed: Record<string, string>;
    /** What holds rows that are gone after down: whole tables, or columns of one that stays. */
    readonly made: Record<string, true | string[]>;
}

/**
 * What a down that has just run took away and brought, turned round: then that is what its up had done. For a migration
 * that was marked as applied by `repair`: nobody saw its up, so its down cannot be held against it, and without knowing
 * what goes no row of it could be archived.
 *
 * The snapshot is the one of before down; the caller's transaction is still open.
 */
export async function readInverse(client: pg.Client): Promise<Undo> {
    const { rows } = await client.query<{ undo: Undo }>(`
        with now as materialized (select key, definition from simulation_db.catalog()),
        changed as (
            select key, b.value as before, now.definition as after
            from (select each.* from simulation_db.snapshot, jsonb_each_text(catalog) as each) as b full join now using (key)
            where b.value is distinct from now.definition
        )
        select jsonb_build_object(
            'added', coalesce(jsonb_object_agg(key, before) filter (where before is not null), '{}'),
            'removed', coalesce(jsonb_object_agg(key, after) filter (where after is not null), '{}'),
            'made', (select ${onlyIn("tables", tablesNow)} from simulation_db.snapshot)
        ) as undo
        from changed`);
    return rows[0]?.undo ?? { added: {}, removed: {}, made: {} };
}

/** Keeps it as what up did. */
export async function writeUndo(client: pg.Client, version: string, undo: Undo): Promise<void> {
    await client.query("update simulation_db.migration set undo = $2 where version = $1", [
        version,
        JSON.stringify(undo),
    ]);
}
