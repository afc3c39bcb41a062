import pg from "pg";
import { copy, keptRows } from "./copy.ts";
import { keptList, type Loss, partitionsOf, readLosses } from "./losses.ts";
import { readDirectives } from "../migration/directives.ts";
import { fileName, label, type Migration } from "../migration/migration.ts";
import { addToArchive, archivedIn, archiveTableName, keepToOwner, makeDeletable } from "./registry.ts";
import { inRetriedTransaction, withRetries } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { SqlError } from "../database/sqlError.ts";
import { positionsOf, sequencesOf } from "./sequences.ts";

/** How the names of all captures begin; the catalog as this tool knows it (catalog/objects.sql) leaves them out. */
const prefix = "simulation_db_capture_";

/** What captures are called, with the version of the migration that is rolled back in brackets. A regular expression of PostgreSQL. */
export const captureName = `^${prefix}(\\d{4})_\\d+$`;

/** So few notes are caught up with in a moment, also while nobody may write. */
const fewNotes = 500;

/** Where others write faster than that, they wait in the end. */
const longestChase = 20;

/** A table that loses columns, and on which a trigger notes the key of each row that is written. */
export interface Capture {
    readonly loss: Loss;
    /** Of the trigger and, in the archive's schema, of its function and of the table of what it notes. */
    readonly name: string;
}

/** What was there of such columns when it was copied. */
export interface Copy extends Capture {
    readonly version: string;
    readonly archive: string;
    /** A query for what is kept of the table. */
    readonly kept: string;
    /** How many rows it has. */
    rows: number;
}

/**
 * Before a down that takes columns of large tables away: has the tables note which rows are written from here on, in a
 * short transaction. So others go on writing while the columns are copied ({@link copyBeside}), and only what they have
 * written meanwhile is copied again when they may not ({@link completeCopies}).
 *
 * Tables with a unique key only: equal rows are told apart by their number among all.
 *
 * @returns one for each of them; {@link endCaptures} is to follow
 * @throws UserError when a table is not to be had
 */
export async function beginCaptures(
    session: Session,
    migration: Migration,
    say: (line: string) => void,
): Promise<Capture[]> {
    const { client, settings } = session;
    if (!settings.archive) return [];
    const losses = await withRetries(session, say, () => readLosses(client, migration));
    const captures = losses
        .filter(({ kind, isLarge, keyIsUnique }) => kind === "columns" && isLarge && keyIsUnique)
        .map((loss, index) => ({ loss, name: `${prefix}${migration.version}_${index + 1}` }));
    if (captures.length === 0) return [];
    const directives = readDirectives(migration.up, fileName(migration, "up"));
    try {
        await inRetriedTransaction(session, directives, say, async () => {
            for (const capture of captures) await client.query(begin(migration, capture));
            await client.query(keepToOwner);
        });
    } catch (error) {
        // Not our table: down says so.
        if ((error as pg.DatabaseError).code === "42501") return [];
        throw error;
    }
    return captures;
}

/** Whether a capture notes the rows of this loss, by the key that it has now. */
export function isOf(capture: Capture, { table, kind, key }: Loss): boolean {
    const { loss } = capture;
    return loss.table === table && loss.kind === kind && JSON.stringify(loss.key) === JSON.stringify(key);
}

/** It fires whoever writes: also for those for whom other triggers do not, as for a replica. */
function begin(migration: Migration, { name, loss: { table, from, key } }: Capture): string {
    const note = (row: string) =>
        `insert into ${notesOf({ name })} values (${key.map(column => `${row}.${column.name}${column.cast}`).join(", ")});`;
    const keyOf = (row: string) => `row(${key.map(column => `${row}.${column.name}`).join(", ")})`;
    const body = `
        begin
            if tg_op = 'INSERT' then
                ${note("new")}
            else
                ${note("old")}
                if tg_op = 'UPDATE' then
                    if ${keyOf("new")} is distinct from ${keyOf("old")} then
                        ${note("new")}
                    end if;
                end if;
            end if;
            return null;
        end`;
    const why = `${label(migration)} is being rolled back, and what is written is noted. If no run of simulation-db is under way, the next one takes this trigger away.`;
    return `
        create unlogged table ${notesOf({ name })} as select ${keptList(key)} from ${from} with no data;
        create function simulation_db_archive.${name}() returns trigger
            language plpgsql security definer set search_path = '' as ${pg.escapeLiteral(body)};
        revoke execute on function simulation_db_archive.${name}() from public;
        create trigger ${name} after insert or update or delete on ${table}
            for each row execute function simulation_db_archive.${name}();
        alter table ${table} enable always trigger ${name};
        comment on trigger ${name} on ${table} is ${pg.escapeLiteral(why)}`;
}

function notesOf({ name }: Pick<Capture, "name">): string {
    return `simulation_db_archive.${name}`;
}

/** Copies columns while others write, in the transaction of down. Its rows are found by their key from then on. */
export async function copyBeside(client: pg.Client, migration: Migration, capture: Capture): Promise<Copy> {
    const archive = archiveTableName(migration.version);
    const kept = keptRows(migration, capture.loss);
    const rows = await copy(client, capture.loss, `create table simulation_db_archive.${archive} as ${kept}`);
    await makeDeletable(client, { archive });
    const key = capture.loss.key.map(({ name }) => name).join(", ");
    await client.query(`create index ${indexOf({ archive })} on simulation_db_archive.${archive} (${key})`);
    return { ...capture, version: migration.version, archive, kept, rows };
}

function indexOf({ archive }: Pick<Copy, "archive">): string {
    return `${archive}_key`;
}

/**
 * Locks the tables as down will, adds what others have written to them since, and registers the copies. Where nothing
 * else is locked, a lock that is not had in time is tried for again, as copying all anew would take longer; so nobody
 * waits for longer than the lock timeout and a moment.
 *
 * @param locksNothing whether the transaction holds no other locks that others wait for
 * @returns how many rows were kept
 * @throws UserError when the lock is not to be had
 */
export async function completeCopies(
    session: Session,
    copies: readonly Copy[],
    locksNothing: boolean,
    say: (line: string) => void,
): Promise<number> {
    if (copies.length === 0) return 0;
    const { client } = session;
    // A few rows at a time: each is found by the key's index.
    await client.query(
        "set local row_security = off; set local enable_hashjoin = off; set local enable_mergejoin = off",
    );
    const lock = async () => {
        for (const each of copies) await chase(client, each);
        await lockAll(client, copies);
    };
    await (locksNothing ? withRetries(session, say, lock) : lock());
    for (const { loss } of copies) await requireSamePartitions(client, loss);
    let rows = 0;
    for (const each of copies) {
        await catchUp(client, each);
        rows += await register(client, each);
    }
    await client.query("reset row_security; reset enable_hashjoin; reset enable_mergejoin");
    return rows;
}

/** Catches up with others until there is little left to do. */
async function chase(client: pg.Client, each: Copy): Promise<void> {
    for (let times = 0; times < longestChase; times += 1) {
        if ((await catchUp(client, each)) <= fewNotes) return;
    }
}

/**
 * Copies the rows again that were noted: as they are now, if they are still there. What others commit after this
 * statement has begun is not seen by it, nor is their note, which stays for the next time.
 *
 * @returns how many notes there were
 */
async function catchUp(client: pg.Client, each: Copy): Promise<number> {
    const { archive, kept, loss } = each;
    const key = (of: string) => loss.key.map(({ name }) => `${of}.${name}`).join(", ");
    const value = loss.key.map(({ name, type }) => `w.${name}::${type}`).join(", ");
    const { rows } = await client.query<{ notes: number; more: number }>(
        `with taken as (
             delete from ${notesOf(each)} as n returning ${key("n")}
         ),
         written as materialized (
             select distinct * from taken
         ),
         gone as (
             delete from ${archivedIn({ archive })} as a using written as w where (${key("a")}) = (${key("w")}) returning 1
         ),
         come as (
             insert into ${archivedIn({ archive })}
             select k.* from written as w
             cross join lateral (${kept} and (${key("kept")}) = (${value}) offset 0) as k
             returning 1
         )
         select (select count(*) from taken)::float8 as notes,
                (select count(*) from come)::float8 - (select count(*) from gone)::float8 as more`,
    );
    const { notes = 0, more = 0 } = rows[0] ?? {};
    each.rows += more;
    return notes;
}

/** Whoever reads or writes waits from here on, as they will for down. What cannot be locked leaves no other lock behind. */
async function lockAll(client: pg.Client, copies: readonly Copy[]): Promise<void> {
    const tables = copies.map(({ loss }) => loss.table).join(", ");
    await client.query("savepoint before_locks");
    try {
        await client.query(`lock table ${tables} in access exclusive mode`);
    } catch (error) {
        // A connection that broke has rolled back already.
        await client.query("rollback to savepoint before_locks; release savepoint before_locks").catch(() => {});
        throw error;
    }
    await client.query("release savepoint before_locks");
}

/** One that was attached meanwhile has brought rows that nobody has noted. @throws SqlError that another attempt may pass */
async function requireSamePartitions(client: pg.Client, { table, partitions }: Loss): Promise<void> {
    if (partitions === null) return;
    const { rows } = await client.query<{ now: string }>(`select ${partitionsOf("$1::regclass")} as now`, [table]);
    if (rows[0]?.now !== partitions) {
        throw new SqlError(`somebody has changed the partitions of ${table} meanwhile`, "40001", []);
    }
}

async function register(client: pg.Client, { loss, ...part }: Copy): Promise<number> {
    await client.query(`drop index simulation_db_archive.${indexOf(part)}`);
    const columns = loss.columns.map(({ name }) => name);
    const sequences = await positionsOf(client, await sequencesOf(client, loss.table, columns));
    return await addToArchive(client, {
        ...loss,
        ...part,
        columns,
        key: loss.key.map(({ name }) => name),
        sequences,
    });
}

/** Takes all captures away, wherever their tables are by now. */
export async function endCaptures(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ ending: string }>(
        `select 1 as nth, format('drop trigger %I on %s', tgname, tgrelid::regclass) as ending
         from pg_catalog.pg_trigger where tgname ~ '${captureName}' and tgparentid = 0
         union all
         select 2, format('drop function %s', oid::regprocedure)
         from pg_catalog.pg_proc where pronamespace = 'simulation_db_archive'::regnamespace and proname ~ '${captureName}'
         union all
         select 3, format('drop table %s', oid::regclass)
         from pg_catalog.pg_class where relnamespace = 'simulation_db_archive'::regnamespace and relname ~ '${captureName}'
         order by nth`,
    );
    // A function is not dropped while a trigger calls it.
    if (rows.length > 0) await client.query(rows.map(({ ending }) => ending).join(";\n"));
}
