import type pg from "pg";
import { columnsOfLargeTables } from "../archive/losses.ts";
import { withoutPartitions } from "./partitions.ts";
import { resultsOf } from "../database/results.ts";
import { readDownDirectives } from "../migration/directives.ts";
import { fileName, label, type Migration, newDownText } from "../migration/migration.ts";
import { UserError } from "../userError.ts";

/**
 * Keeps the catalog as it is now, as what the next change is compared with. Taken outside the migration's transaction:
 * nothing is locked meanwhile. Where nobody wrote anything on this server since the last one, there is nothing to do.
 *
 * @param changed names of the catalog that a migration without a transaction may have changed already: of them the last
 *     snapshot says how they were
 */
export async function takeSnapshot(client: pg.Client, changed: readonly string[] = []): Promise<void> {
    await client.query("select from simulation_db.changes(true, $1)", [changed]);
}

/**
 * The same where a person vouches for the catalog as it is, as the last of the caller's transaction: what was changed by
 * hand is no drift from then on.
 *
 * @returns names of the catalog that are not as the last change left them; none where nothing was ever applied
 */
export async function takeAsMeant(client: pg.Client): Promise<string[]> {
    const { rows } = await client.query<{ key: string }>(`
        with taken as materialized (
            select exists (select from simulation_db.snapshot) as known, simulation_db.changes(true) as changes
        )
        select distinct key
        from taken cross join unnest(array[changes -> 'added', changes -> 'removed']) as each cross join jsonb_object_keys(each) as key
        where known order by key`);
    return rows.map(({ key }) => key);
}

/**
 * The same before a down in a transaction. What it is compared with afterwards is planned as well, so that no lock of
 * the migration is held for that.
 */
export async function prepareComparison(client: pg.Client, version: string): Promise<Prepared> {
    const literal = client.escapeLiteral(version);
    const [, , awaited, large] = await resultsOf(
        client,
        `select from simulation_db.changes(true);
         select from simulation_db.catalog_of('{}', '{}');
         select from simulation_db.archive where version = ${literal} and restored_at is null;
         ${columnsOfLargeTables(literal)}`,
    );
    return { awaitsRows: awaited?.rowCount !== 0, hasLargeTables: large?.rowCount !== 0 };
}

/** What a rollback has to see to before its transaction. */
interface Prepared {
    /** The archive has rows of this migration still that its up was to put back. */
    readonly awaitsRows: boolean;
    /** Its up has given large tables columns. */
    readonly hasLargeTables: boolean;
}

/**
 * The same before a migration that starts afresh, in one round trip with the question whether an interrupted one is
 * under way: then nothing is kept, as what that one has begun is none of what was there before.
 *
 * @returns whether the snapshot is that of now
 */
export async function takeSnapshotUnlessUnfinished(client: pg.Client): Promise<boolean> {
    const { rows } = await client.query(
        "select from simulation_db.changes(true) where not exists (select from simulation_db.unfinished)",
    );
    return rows.length > 0;
}

/**
 * Writes down what an applied migration changed in the catalog: the difference between the last snapshot and now, which
 * becomes the next snapshot. After the commit, so that no lock of the migration is held for it; a run that ended in
 * between is made good by the next one, which finds the row without it.
 *
 * @returns whether the archive has rows of this migration, which now have a place again
 */
export async function recordUndo(client: pg.Client, version: string): Promise<boolean> {
    const { rows } = await client.query<{ archived: boolean }>(
        `update simulation_db.migration
         set undo = simulation_db.changes(true, '{}', wrote), wrote = null
         where version = $1 and undo is null
         returning exists (select from simulation_db.archive as a where a.version = $1 and restored_at is null) as archived`,
        [version],
    );
    // Where another attempt has written it down, nobody has looked.
    return rows[0]?.archived ?? true;
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
 * nor in the way. An aspect that somebody changed after up had is left as it is. What down has made of the catalog
 * becomes the next snapshot, with the rest of the transaction. The locks of down are held meanwhile, so only what it has
 * written is read, and what depends on that. What only follows from that is no fault of down: {@link withoutPartitions}.
 *
 * @param transactional whether down ran in the transaction under way
 */
export async function readFaults(client: pg.Client, migration: Migration, transactional: boolean): Promise<Fault[]> {
    const { rows } = await client.query<Fault>(
        `with done as materialized (
             select simulation_db.changes(true, '{}', case when $2 then simulation_db.written() end) as changes
         ),
         undo as materialized (
             select undo -> 'added' as added, undo -> 'removed' as removed, changes -> 'added' as came, changes -> 'removed' as went
             from simulation_db.migration, done where version = $1
         ),
         aspect as (
             select key, case when went ? key then went ->> key when not came ? key then definition end as before
             from (
                 select distinct key from undo, unnest(array[added, removed, came, went]) as each, jsonb_object_keys(each) as key
             ) as keys cross join undo left join simulation_db.snapshot_entry using (key)
         ),
         compared as (
             select key, before,
                 case when removed ? key then removed ->> key when not added ? key then before end as expected,
                 case when came ? key then came ->> key when not went ? key then before end as actual,
                 added ? key or removed ? key as by_up,
                 removed ? key and before is distinct from added ->> key as changed_since
             from aspect, undo
         )
         select key, expected, actual, by_up as "byUp" from compared
         where expected is distinct from actual and not changed_since
         order by key`,
        [migration.version, transactional],
    );
    return await withoutPartitions(client, migration.version, rows);
}

/**
 * Holds a down to what it must bring back, save what it declares.
 *
 * @param transactional whether down ran in the caller's transaction; otherwise what it did stays done
 * @throws UserError that names each object that is left, missing or different
 */
export async function requireUndone(client: pg.Client, migration: Migration, transactional = true): Promise<void> {
    const { notRestored } = readDownDirectives(migration.down, fileName(migration, "down"));
    const faults = (await readFaults(client, migration, transactional)).filter(({ key }) => !notRestored.includes(key));
    if (faults.length === 0) return;
    const file = fileName(migration, "down");
    const named = faults.map(fault => `  ${describe(fault)}`).join("\n");
    const declare =
        'what cannot be restored is declared at the head of down.sql: "-- not-restored: " and the name as printed here';
    if (transactional) {
        throw new UserError(
            `${file} does not undo exactly what up did, so it was taken back; ${label(migration)} is still applied:\n${named}`,
            [`mend down.sql: ${newDownText}`, declare],
        );
    }
    throw new UserError(
        `${file} ran to its end and does not undo exactly what up did. Without a transaction it cannot be taken back; ${label(migration)} stays in the ledger until the rollback is complete:\n${named}`,
        [
            `add what is missing below the statements of down.sql, as what has run is not run twice: ${newDownText}`,
            "or mend by hand what is listed, and roll back again",
            declare,
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
