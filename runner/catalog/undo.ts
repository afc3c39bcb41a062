import type pg from "pg";
import { readDownDirectives } from "../migration/directives.ts";
import { fileName, label, type Migration } from "../migration/migration.ts";
import { UserError } from "../userError.ts";
import { planCatalog } from "./catalog.ts";
import type { Undo } from "./inverse.ts";
import { onlyIn, tablesNow } from "./tables.ts";

/**
 * Keeps the catalog as it is now, as what the next change is compared with. Taken outside the migration's transaction:
 * nothing is locked meanwhile. Where it is known already, what follows is only planned.
 *
 * @param changed indexes, as `schema.index`, that a migration which is taken up again may have changed before it was
 *     interrupted: of them the last snapshot says how they were
 */
export async function takeSnapshot(client: pg.Client, changed: readonly string[] = []): Promise<void> {
    if (changed.length === 0 && (await isUpToDate(client))) return await planCatalog(client);
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
export interface Fault {
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
 * so nothing is done here that can be done before or later.
 *
 * @returns all that differs, also what down declares that it does not restore
 */
export async function readFaults(client: pg.Client, migration: Migration): Promise<Fault[]> {
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
    return rows;
}

/** What an exact down made of the catalog, told without the catalog's text. */
export interface Undone {
    readonly undo: Undo;
    readonly fingerprint: string;
}

/**
 * Holds a down to what it must bring back, save what it declares.
 *
 * @param transactional whether down ran in the caller's transaction; otherwise what it did stays done
 * @returns what `keepUndone` needs; undefined when down declares that something is not restored, and it is not
 * @throws UserError that names each object that is left, missing or different
 */
export async function requireUndone(
    client: pg.Client,
    migration: Migration,
    transactional = true,
): Promise<Undone | undefined> {
    // Before the comparison: what somebody changes in between makes another fingerprint, and is not passed over.
    const { rows: undone } = await client.query<Undone>(
        "select undo, simulation_db.fingerprint() as fingerprint from simulation_db.migration where version = $1 and undo is not null",
        [migration.version],
    );
    const rows = await readFaults(client, migration);
    const { notRestored } = readDownDirectives(migration.down, fileName(migration, "down"));
    const faults = rows.filter(({ key }) => !notRestored.includes(key));
    if (faults.length === 0) return rows.length === 0 ? undone[0] : undefined;
    const file = fileName(migration, "down");
    const named = faults.map(fault => `  ${describe(fault)}`).join("\n");
    const declare =
        'what cannot be restored is declared at the head of down.sql: "-- not-restored: " and the name as printed here';
    if (transactional) {
        throw new UserError(
            `${file} does not undo exactly what up did, so it was taken back; ${label(migration)} is still applied:\n${named}`,
            [
                "mend down.sql: its new text is recorded by the next pulumi up, or migrate record, and then used",
                declare,
            ],
        );
    }
    throw new UserError(
        `${file} ran to its end and does not undo exactly what up did. Without a transaction it cannot be taken back; ${label(migration)} stays in the ledger until the rollback is complete:\n${named}`,
        [
            "add what is missing below the statements of down.sql (pulumi up or migrate record takes the new text) and roll back again: what has run is not run twice",
            "or mend by hand what is listed, and roll back again",
            declare,
        ],
    );
}

/**
 * Keeps the catalog as down left it, for the next change and for whoever looks for drift. After the commit, with no lock
 * of down held. After an exact down it is made of the last snapshot, what went and what came back; where somebody had
 * changed after up what came back, or down did not restore all, the catalog is read.
 */
export async function keepUndone(client: pg.Client, undone: Undone | undefined): Promise<void> {
    if (undone === undefined || !(await addUp(client, undone))) await takeSnapshot(client);
}

async function addUp(client: pg.Client, { undo: { added, removed }, fingerprint }: Undone): Promise<boolean> {
    const { rowCount } = await client.query(
        `update simulation_db.snapshot
         set catalog = catalog - $1::text[] || $3::jsonb, tables = ${tablesNow}, fingerprint = $4, taken_at = now()
         where not exists (
             select from jsonb_object_keys($3::jsonb) as back (key)
             left join jsonb_each_text(catalog) as each using (key)
             where each.value is distinct from $2::jsonb ->> key
         )`,
        [Object.keys(added), JSON.stringify(added), JSON.stringify(removed), fingerprint],
    );
    return rowCount === 1;
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
