import type pg from "pg";
import { onlyIn, tablesNow } from "./tables.ts";

/** What up changed in the catalog, in the form that the ledger keeps. */
export interface Undo {
    readonly added: Record<string, string>;
    readonly removed: Record<string, string>;
    /** What holds rows that are gone after down: whole tables, or columns of one that stays. */
    readonly made: Record<string, true | string[]>;
}

/** All tables and columns as they are now, for {@link readInverse}. */
export type Tables = Readonly<Record<string, unknown>>;

/** Where down takes no table or column away. */
export const noTables: Tables = {};

/** Before a down, in its transaction. */
export async function readTables(client: pg.Client): Promise<Tables> {
    const { rows } = await client.query<{ tables: Tables }>(`select ${tablesNow} as tables`);
    return rows[0]?.tables ?? noTables;
}

/**
 * What a down that has just run took away and brought, turned round: then that is what its up had done. For a migration
 * that was marked as applied by `repair`: nobody saw its up, so its down cannot be held against it, and without knowing
 * what goes no row of it could be archived.
 *
 * The snapshot is the one of before down; the caller's transaction is still open.
 *
 * @param before the tables of before down
 */
export async function readInverse(client: pg.Client, before: Tables): Promise<Undo> {
    const { rows } = await client.query<{ undo: Undo }>(
        `select jsonb_build_object('added', changes -> 'removed', 'removed', changes -> 'added', 'made', ${onlyIn("$1::jsonb", tablesNow)}) as undo
         from simulation_db.changes(false) as changes`,
        [JSON.stringify(before)],
    );
    return rows[0]?.undo ?? { added: {}, removed: {}, made: {} };
}

/** Keeps it as what up did. */
export async function writeUndo(client: pg.Client, version: string, undo: Undo): Promise<void> {
    await client.query("update simulation_db.migration set undo = $2 where version = $1", [
        version,
        JSON.stringify(undo),
    ]);
}
