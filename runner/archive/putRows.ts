import type pg from "pg";
import { line, pair, type Place, requireSame, type Sum, sum } from "./place.ts";
import type { ListedPart } from "./registry.ts";
import { uniqueKey } from "./table.ts";

/**
 * Puts whole rows back; those that up has written itself are not written again.
 *
 * @param mayMeet rows whose key another one has stay in the archive; otherwise they are an error
 * @returns how many are back
 */
export async function putRows(client: pg.Client, part: ListedPart, place: Place, mayMeet: boolean): Promise<number> {
    const { archive, from, values, fitting } = place;
    const names = part.columns.join(", ");
    const selected = part.columns.map(name => values.get(name)).join(", ");
    const { rows: any } = await client.query(`select from ${from} limit 1`);
    const isEmpty = any.length === 0;
    const there = isEmpty ? 0 : await forgetPresent(client, part, place);
    const expected = await sum(client, `select ${place.sumOf("a")} from ${archive} as a where ${fitting}`);
    const insert = `insert into ${part.table} (${names}) overriding system value
                    select ${selected} from ${archive} as a where ${fitting} ${mayMeet ? "on conflict do nothing" : ""}`;
    const put = isEmpty
        ? await write(client, place, insert)
        : await sum(client, `with put as (${insert} returning ${names}) select ${place.sumOf("put")} from put`);
    if (put.rows === expected.rows) {
        requireSame(part, put, expected);
        // Where all are back, the archive's table goes as a whole: row by row would cost as much as the way back.
        if (there + put.rows < part.rows) await client.query(`delete from ${archive} as a where ${fitting}`);
    } else {
        // Some met another row with their key: those that did not are found by all that is in them.
        const sameRow = `${line(part.columns, "a")} = ${line(part.columns, "t")}`;
        const found = `delete from ${archive} as a using ${from} as t where ${fitting} and ${sameRow} returning ${pair(part.columns, "a")}`;
        requireSame(part, put, await sum(client, `with back as (${found}) select ${place.sumOf("back")} from back`));
    }
    return there + put.rows;
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
