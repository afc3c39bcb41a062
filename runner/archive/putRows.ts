import type pg from "pg";
import { halvesOf, mostHalvings, rowsOfBatch, wholeOf } from "./batches.ts";
import { line, pair, type Place, requireSame, type Sum, sum } from "./place.ts";
import { fitsNot, isOfAnotherTable, meetsAnother, Mismatch } from "./refusal.ts";
import type { ListedPart } from "./registry.ts";
import { uniqueKey } from "./table.ts";

/** What became of rows that were put back. */
export interface Put {
    readonly back: number;
    /** Why others are not, where PostgreSQL had something to say. */
    readonly reason?: string;
    /** It is not to be tried again: so many do not fit that the looking has ended, or one is left whose equal is back. */
    readonly isOver?: boolean;
}

/**
 * Puts whole rows back; those that up has written itself are not written again.
 *
 * @param mayMeet rows whose key another one has stay in the archive; otherwise they are an error
 * @returns how many are back
 */
export async function putRows(client: pg.Client, part: ListedPart, place: Place, mayMeet: boolean): Promise<number> {
    const { rows: any } = await client.query(`select from ${place.from} limit 1`);
    const isEmpty = any.length === 0;
    const there = isEmpty ? 0 : await forgetPresent(client, part, place);
    return there + (await insertRows(client, { ...part, rows: part.rows - there }, place, { mayMeet, isEmpty }));
}

/**
 * The same where some of them do not fit: all but those. They are parted until these are alone, each part behind a
 * savepoint; all in the transaction under way, as rows that were back already would be taken for those of up by a run that
 * goes on after a killed one.
 *
 * Not for a table that points at itself: its rows fit together with others only.
 */
export async function putFittingRows(client: pg.Client, part: ListedPart, place: Place): Promise<Put> {
    // What is looked at in the end only could not be told from the rest. And an insert does not look out for such a key.
    await client.query("set constraints all immediate");
    const { rowCount: deferrable } = await client.query(
        `select from pg_catalog.pg_index where not indimmediate
         and indrelid in (select $1::regclass union select relid from pg_partition_tree($1::regclass))`,
        [part.table],
    );
    const mayMeet = deferrable === 0;
    let back = await forgetPresent(client, part, place);
    let reason: string | undefined;
    let isOver = false;
    // All of one size before the smaller ones: where the looking ends, what is left is small.
    const batches = [await wholeOf(client, part, place.fitting)];
    for (let [batch, halvings] = [batches.shift(), 0]; batch; batch = batches.shift()) {
        await client.query("savepoint before_batch");
        try {
            back += await insertRows(client, part, { ...place, fitting: rowsOfBatch(batch) }, { mayMeet });
        } catch (error) {
            if (!fitsNot(error) || isOfAnotherTable(error)) throw error;
            await client.query("rollback to savepoint before_batch");
            reason = (error as Error).message;
            halvings += 1;
            const halves = halvesOf(batch);
            if (halvings <= mostHalvings) batches.push(...halves);
            // An equal row may be back, for which this one would be taken the next time.
            const mayBeAnEqual = error instanceof Mismatch || meetsAnother(error);
            isOver ||= halves.length === 0 ? mayBeAnEqual : halvings > mostHalvings;
        }
        await client.query("release savepoint before_batch");
    }
    return { back, isOver, ...(reason === undefined ? {} : { reason }) };
}

/** @param how `isEmpty`: the table, and no savepoint is set; `mayMeet` as {@link putRows} @returns how many are back */
async function insertRows(
    client: pg.Client,
    part: ListedPart,
    place: Place,
    { mayMeet, isEmpty = false }: { readonly mayMeet: boolean; readonly isEmpty?: boolean },
): Promise<number> {
    const { archive, from, values, fitting } = place;
    const names = part.columns.join(", ");
    const selected = part.columns.map(name => values.get(name)).join(", ");
    const expected = await sum(client, `select ${place.sumOf("a")} from ${archive} as a where ${fitting}`);
    if (expected.rows === 0) return 0;
    const insert = `insert into ${part.table} (${names}) overriding system value
                    select ${selected} from ${archive} as a where ${fitting} ${mayMeet ? "on conflict do nothing" : ""}`;
    const put = isEmpty
        ? await write(client, place, insert)
        : await sum(client, `with put as (${insert} returning ${names}) select ${place.sumOf("put")} from put`);
    if (put.rows === expected.rows) {
        requireSame(part, put, expected);
        // Where all are back, the archive's table goes as a whole: row by row would cost as much as the way back.
        if (put.rows < part.rows) await client.query(`delete from ${archive} as a where ${fitting}`);
    } else {
        // Some met another row with their key: those that did not are found by all that is in them.
        const sameRow = `${line(part.columns, "a")} = ${line(part.columns, "t")}`;
        const found = `delete from ${archive} as a using ${from} as t where ${fitting} and ${sameRow} returning ${pair(part.columns, "a")}`;
        requireSame(part, put, await sum(client, `with back as (${found}) select ${place.sumOf("back")} from back`));
    }
    return put.rows;
}

/**
 * Takes rows out of the archive that up has written already, each as often as it has. Others wait for the table
 * meanwhile, so only those of its rows are read whole whose key the archive has, where there is a key.
 *
 * @returns how many
 */
async function forgetPresent(
    client: pg.Client,
    { table, columns }: ListedPart,
    { archive, from, values }: Place,
): Promise<number> {
    const { rows } = await client.query<{ name: string }>(
        `select quote_ident(a.attname) as name
         from (${uniqueKey("$1::regclass", "x.attnotnull and quote_ident(x.attname) = any ($2)")}) as u
         inner join pg_catalog.pg_attribute as a on a.attrelid = $1::regclass and a.attnum = any (u.key)`,
        [table, columns],
    );
    const key = rows.map(({ name }) => name);
    const [lineThere, lineKept] = [line(columns, "t"), line(columns, "a")];
    const keyThere = pair(key, "t");
    const keyKept = key.map(name => values.get(name)).join(", ");
    const [ofThere, ofKept] =
        key.length === 0
            ? ["true", `${lineKept} in (select line from present)`]
            : // Either side may be the large one.
              [
                  `(${keyThere}) in (select ${keyKept} from ${archive} as a)`,
                  `(${keyKept}) in (select ${keyThere} from ${from} as t)`,
              ];
    const { rowCount } = await client.query(
        `with present as (select ${lineThere} as line, count(*) as times from ${from} as t where ${ofThere} group by 1),
         numbered as (
             select a.ctid as place, ${lineKept} as line, row_number() over (partition by ${lineKept}) as nth
             from ${archive} as a where ${ofKept}
         )
         delete from ${archive} as a using numbered inner join present using (line)
         where a.ctid = numbered.place and numbered.nth <= present.times`,
    );
    return rowCount ?? 0;
}

/**
 * Runs a statement that writes much of a table, and reads what it has written: all processors do that, and sooner than
 * one takes the rows that the statement itself returns. Others may write to the table as well.
 */
async function write(client: pg.Client, { from, sumOf }: Place, statement: string): Promise<Sum> {
    await client.query(statement);
    return await sum(
        client,
        `select ${sumOf("t")} from ${from} as t where t.xmin = (select pg_current_xact_id()::xid)`,
    );
}
