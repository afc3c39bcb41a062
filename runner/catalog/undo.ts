import type pg from "pg";
import { readDownDirectives } from "../migration/directives.ts";
import { fileName, label, type Migration } from "../migration/migration.ts";
import { UserError } from "../userError.ts";
import { onlyIn, tablesNow } from "./tables.ts";

/**
 * Keeps the catalog as it is now, as what the next change is compared with. Taken outside the migration's transaction:
 * nothing is locked meanwhile.
 *
 * @param changed indexes, as `schema.index`, that a migration which is taken up again may have changed before it was
 *     interrupted: of them the last snapshot says how they were
 */
export async function takeSnapshot(client: pg.Client, changed: readonly string[] = []): Promise<void> {
    if (changed.length === 0 && (await isUpToDate(client))) return;
    await client.query(
        `with now as (
             select jsonb_object_agg(key, definition) filter (where key <> all ($1)) as catalog from simulation_db.catalog()
         )
         insert into simulation_db.snapshot (catalog, tables, fingerprint)
         select catalog, ${tablesNow}, case when $1 = '{}' then simulation_db.fingerprint() end from now
         on conflict (only_one) do update set
             catalog = excluded.catalog || (
                 select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(snapshot.catalog) where key = any ($1)
             ),
             tables = excluded.tables,
             fingerprint = excluded.fingerprint,
             taken_at = now()`,
        [changed.map(name => `index ${name}`)],
    );
}

/** Whether the catalog is still as the last change left it: then its whole text need not be made again. */
async function isUpToDate(client: pg.Client): Promise<boolean> {
    const { rowCount } = await client.query(
        "select from simulation_db.snapshot where fingerprint = simulation_db.fingerprint()",
    );
    return rowCount === 1;
}

/**
 * Writes down what an applied migration changed in the catalog: the difference between the last snapshot and now, which
 * becomes the next snapshot. After the commit, so that no lock of the migration is held for it; a run that ended in
 * between is made good by the next one, which finds the row without it.
 */
export async function recordUndo(client: pg.Client, version: string): Promise<void> {
    await client.query(
        `with now as materialized (
             select jsonb_object_agg(key, definition) as catalog, ${tablesNow} as tables from simulation_db.catalog()
         ),
         made as materialized (select ${onlyIn("now.tables", "snapshot.tables")} as tables from now, simulation_db.snapshot),
         changed as (
             select key, b.value as before, a.value as after
             from (select each.* from simulation_db.snapshot, jsonb_each_text(catalog) as each) as b
             full join (select each.* from now, jsonb_each_text(catalog) as each) as a using (key)
             where b.value is distinct from a.value
         ),
         kept as (
             update simulation_db.snapshot
             set catalog = now.catalog, tables = now.tables, fingerprint = simulation_db.fingerprint(), taken_at = now()
             from now
         )
         update simulation_db.migration
         set undo = (
             select jsonb_build_object(
                 'added', coalesce(jsonb_object_agg(key, after) filter (where after is not null), '{}'),
                 'removed', coalesce(jsonb_object_agg(key, before) filter (where before is not null), '{}'),
                 'made', (select tables from made)
             ) from changed
         )
         where version = $1 and undo is null`,
        [version],
    );
}

/** One aspect of an object that a down did not bring back as it was. */
interface Fault {
    readonly key: string;
    readonly expected: string | null;
    readonly actual: string | null;
    /** Whether up had changed this aspect. */
    readonly byUp: boolean;
}

/**
 * Compares the catalog after a down, inside its transaction, with what it must be: the snapshot taken just before,
 * without what up had added and with what up had removed. So a change that somebody else made since is neither lost
 * nor in the way. An aspect that somebody changed after up had is left as it is. The locks of down are held meanwhile,
 * so nothing is done here that can be done later: the next change takes its own snapshot.
 *
 * @throws UserError that names each object that is left, missing or different
 */
export async function requireUndone(client: pg.Client, migration: Migration): Promise<void> {
    const { rows } = await client.query<Fault>(
        `with undo as materialized (
             select undo -> 'added' as added, undo -> 'removed' as removed from simulation_db.migration where version = $1
         ),
         before as materialized (select each.* from simulation_db.snapshot, jsonb_each_text(catalog) as each),
         actual as materialized (select key, definition from simulation_db.catalog()),
         expected as (
             select key, value from before, undo where not added ? key and not removed ? key
             union all
             select each.* from undo, jsonb_each_text(removed) as each
         )
         select key, e.value as expected, a.definition as actual, (added ? key or removed ? key) as "byUp"
         from undo, expected as e full join actual as a using (key) left join before as b using (key)
         where e.value is distinct from a.definition
             and not (removed ? key and b.value is distinct from added ->> key)
         order by key`,
        [migration.version],
    );
    const { notRestored } = readDownDirectives(migration.down, fileName(migration, "down"));
    const faults = rows.filter(({ key }) => !notRestored.includes(key));
    if (faults.length === 0) return;
    throw new UserError(
        `${fileName(migration, "down")} does not undo exactly what up did, so it was taken back; ${label(migration)} is still applied:\n` +
            faults.map(fault => `  ${describe(fault)}`).join("\n"),
        [
            "mend down.sql: its new text is recorded by the next pulumi up, or migrate record, and then used",
            'what cannot be restored is declared at the head of down.sql: "-- not-restored: " and the name as printed here',
        ],
    );
}

function describe({ key, expected, actual, byUp }: Fault): string {
    if (actual === null)
        return byUp ? `missing: ${key}, which was there before up` : `gone: ${key}, which up did not make`;
    if (expected === null) return byUp ? `left behind: ${key}` : `new: ${key}, which down made`;
    return `different: ${key}\n      expected ${shown(expected)}\n      found    ${shown(actual)}`;
}

function shown(definition: string): string {
    const line = definition.replaceAll("\n", "; ");
    return line.length > 200 ? `${line.slice(0, 200)} …` : line;
}
