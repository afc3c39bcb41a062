import type pg from "pg";
import { type Capture, CaptureFailed, keyIndexOf, notesOf, requireUntouched } from "./capture.ts";
import { addLossToArchive, copy, keptRows } from "./copy.ts";
import { keptList } from "./losses.ts";
import type { Migration } from "../migration/migration.ts";
import { archivedIn, archiveTableName, makeDeletable } from "./registry.ts";
import { resultsOf } from "../database/results.ts";
import { withRetries } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { connectionLost, SqlError } from "../database/sqlError.ts";
import { type ColumnSequence, sequencesOf } from "./sequences.ts";

/** So few notes are caught up with in some milliseconds. */
const fewNotes = 500;

/** So many are while everybody waits: tens of milliseconds. */
const mostNotes = 2000;

/** What was there of columns of which every write is noted, when they were copied. */
export interface Copy extends Capture {
    readonly version: string;
    readonly archive: string;
    /** A query for what is kept of the table. */
    readonly kept: string;
    readonly sequences: readonly ColumnSequence[];
    /** How many rows it has. */
    rows: number;
}

/**
 * Copies columns while others write, in the transaction of down, and catches up with what they write meanwhile.
 *
 * @throws CaptureFailed when that cannot be
 */
export async function copyBeside(client: pg.Client, migration: Migration, capture: Capture): Promise<Copy> {
    const { loss } = capture;
    const archive = archiveTableName(migration.version);
    const kept = keptRows(migration, loss);
    await requireUntouched(client, capture);
    const rows = await copy(client, loss, `create table simulation_db_archive.${archive} as ${kept}`);
    const columns = loss.columns.map(({ name }) => name);
    const sequences = await sequencesOf(client, loss.table, columns);
    const each = { ...capture, version: migration.version, archive, kept, sequences, rows };
    await orFail(async () => {
        await makeDeletable(client, each);
        const key = loss.key.map(({ name }) => name).join(", ");
        await client.query(`create index ${keyIndexOf(capture)} on simulation_db_archive.${archive} (${key})`);
        await chase(client, each);
    });
    return each;
}

/** What goes wrong here need not where others wait; a server without room and a run that was stopped are no better there. */
async function orFail(work: () => Promise<void>): Promise<void> {
    try {
        await work();
    } catch (error) {
        const { code = "", message } = error as pg.DatabaseError;
        if (error instanceof CaptureFailed || connectionLost(error) || /^(53|57)/.test(code)) throw error;
        throw new CaptureFailed(message);
    }
}

/**
 * Locks the tables as down will, adds what others have written to them since and registers the copies. Where nothing
 * else is locked, a lock that is not had in time is tried for again, as copying all anew would take longer; so nobody
 * waits for longer than the lock timeout and a moment.
 *
 * @param also other tables to lock with them; undefined: the transaction holds locks already that others may wait for
 * @param before what comes before each time that the lock is asked for
 * @returns how many rows were kept
 * @throws UserError when the lock is not to be had
 * @throws CaptureFailed when the copies cannot be completed
 */
export async function completeCopies(
    session: Session,
    copies: readonly Copy[],
    also: readonly string[] | undefined,
    before: () => Promise<void>,
    say: (line: string) => void,
): Promise<number> {
    const { client } = session;
    const lock = async () => {
        await orFail(async () => {
            await before();
            for (const each of copies) await chase(client, each);
        });
        await lockAll(client, copies, also);
    };
    await (also ? withRetries(session, say, lock) : lock());
    let rows = 0;
    await orFail(async () => {
        for (const each of copies) {
            await requireUntouched(client, each);
            await catchUp(client, each);
            rows += await addLossToArchive(client, each.loss, each);
        }
    });
    return rows;
}

/** Catches up with others until there is little left to do. */
async function chase(client: pg.Client, each: Copy): Promise<void> {
    for (let before = Infinity; ;) {
        const notes = await catchUp(client, each);
        if (notes <= fewNotes) return;
        if (notes > before / 2) {
            throw new CaptureFailed(`${each.loss.table} is written to faster than its columns are copied`);
        }
        before = notes;
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
    // Each row is found by the key's index.
    const [, , done] = await resultsOf(
        client,
        `set local enable_hashjoin = off;
         set local enable_mergejoin = off;
         with taken as (
             delete from ${notesOf(each)} as n returning ${key("n")}
         ),
         gone as (
             delete from ${archivedIn({ archive })} as a using (select distinct ${keptList(loss.key)} from taken) as w
             where (${key("a")}) = (${key("w")}) returning 1
         ),
         come as (
             insert into ${archivedIn({ archive })}
             select k.* from (select distinct * from taken) as w
             cross join lateral (${kept} and (${key("kept")}) = (${key("w")}) offset 0) as k
             returning 1
         )
         select (select count(*) from taken)::float8 as notes,
                (select count(*) from come)::float8 - (select count(*) from gone)::float8 as more;
         reset enable_hashjoin;
         reset enable_mergejoin`,
    );
    const { notes, more } = (done?.rows as { notes: number; more: number }[])[0] ?? { notes: 0, more: 0 };
    each.rows += more;
    return notes;
}

/**
 * Whoever reads or writes waits from here on, as they will for down. What cannot be locked, or has been written to by many
 * until it could, leaves no other lock behind.
 */
async function lockAll(client: pg.Client, copies: readonly Copy[], also: readonly string[] = []): Promise<void> {
    const tables = [...copies.map(({ loss }) => loss.table), ...also, ...copies.map(notesOf)].join(", ");
    await client.query("savepoint before_locks");
    try {
        await client.query(`lock table ${tables} in access exclusive mode`);
        for (const each of copies) {
            const { rowCount } = await client.query(`select from ${notesOf(each)} limit ${mostNotes + 1}`);
            if ((rowCount ?? 0) <= mostNotes) continue;
            throw new SqlError(`others have written too much to ${each.loss.table} while it waited`, "40001", []);
        }
    } catch (error) {
        // A connection that broke has rolled back already.
        await client.query("rollback to savepoint before_locks; release savepoint before_locks").catch(() => {});
        throw error;
    }
    await client.query("release savepoint before_locks");
}
