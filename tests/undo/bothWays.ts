import assert from "node:assert/strict";
import type pg from "pg";
import { takeSnapshot } from "../../runner/catalog/undo.ts";

/** What changed in the catalog since the snapshot: definitions by name. */
export interface Changes {
    readonly added: Record<string, string>;
    readonly removed: Record<string, string>;
}

/**
 * Asks what changed since the snapshot in three ways, which must agree: by what was written, as the runner does; by what
 * this transaction was counted to have written, as it does under a migration's locks; and by a look at all of the catalog.
 *
 * @param client in the transaction that has made all the changes since
 */
export async function changesBothWays(client: pg.Client, what: string): Promise<Changes> {
    const { rows } = await client.query<Record<"written" | "counted" | "whole", Changes>>(`
        with whole as (
            select key, e.definition as before, c.definition as after
            from simulation_db.snapshot_entry as e full join simulation_db.catalog() as c using (key)
            where e.definition is distinct from c.definition
        )
        select
            simulation_db.changes(false) - 'made' as written,
            simulation_db.changes(false, '{}', simulation_db.written()) - 'made' as counted,
            (
                select jsonb_build_object(
                    'added', coalesce(jsonb_object_agg(key, after) filter (where after is not null), '{}'),
                    'removed', coalesce(jsonb_object_agg(key, before) filter (where before is not null), '{}')
                ) from whole
            ) as whole`);
    const [row] = rows;
    assert.ok(row);
    assert.deepEqual(row.written, row.whole, what);
    assert.deepEqual(row.counted, row.whole, what);
    return row.whole;
}

/** Whether the snapshot is that of now, whole. */
export async function snapshotIsOfNow(client: pg.Client): Promise<void> {
    const { rows: entries } = await client.query(`
        select key, e.definition as kept, c.definition as now
        from simulation_db.snapshot_entry as e full join simulation_db.catalog() as c using (key)
        where e.definition is distinct from c.definition or e.object is distinct from c.object`);
    assert.deepEqual(entries, []);
    const { rows: versions } = await client.query("select * from simulation_db.touched()");
    assert.deepEqual(versions, []);
}

/** Whether something was written that has a say in everything, so that all of the catalog is looked at. */
export async function asksForAll(client: pg.Client): Promise<boolean> {
    const { rowCount } = await client.query(
        "select from simulation_db.touched() where class = 0 and (object = 0 or version is not null and former is not null)",
    );
    return rowCount !== 0;
}

/** Takes the snapshot as a role: it belongs to the one that looks, since others may see another catalog. */
export async function snapshotAs(client: pg.Client, role: string): Promise<void> {
    await client.query(
        `grant all on all tables in schema simulation_db to ${role}; grant usage on schema simulation_db to ${role}`,
    );
    await client.query(`set role ${role}`);
    await takeSnapshot(client).finally(() => client.query("reset role"));
}

/** Does the work in a transaction of this role, and goes back. */
export async function takenBack(client: pg.Client, role: string, work: () => Promise<void>): Promise<void> {
    await client.query(`begin; set local role ${role}`);
    await work().finally(() => client.query("rollback"));
}
