import type pg from "pg";
import { type Batch, placesOfPage, rowsOfBatch } from "./batches.ts";
import { resultsOf } from "../database/results.ts";
import type { LedgerAction } from "../ledger/history.ts";
import { line, pair, type Place, requireSame, type Sum } from "./place.ts";
import { archivedIn, type ListedPart } from "./registry.ts";
import { uniqueKey } from "./table.ts";
import { writeExactly } from "./writing.ts";

/**
 * Pages of the archive that are put back in one transaction: some thousands of rows, and tens of milliseconds for which
 * others wait for one of them.
 */
const batchPages = 40;

/**
 * Parts columns of a table. Rows of a table that is in use come back a few at a time, found by the key's index; where
 * there is none, or equal rows are told apart by their number, the table is read once for all of them.
 */
export async function batchesOf(client: pg.Client, part: ListedPart): Promise<Batch[]> {
    const isNotNewer = `not (${await newerCondition(client, part)})`;
    const whole = { where: isNotNewer };
    if (!part.keyIsUnique) return [whole];
    const { rows } = await client.query<{ from: number }>(
        `select generate_series(0, pg_relation_size($1::regclass) / current_setting('block_size')::integer, $2)::integer as from
         where exists (${uniqueKey("$3::regclass", "quote_ident(x.attname) = any ($4)")})`,
        [archivedIn(part), batchPages, part.table, part.key],
    );
    if (rows.length === 0) return [whole];
    return rows.map(({ from }) => ({
        where: isNotNewer,
        places: [from * placesOfPage, (from + batchPages) * placesOfPage],
    }));
}

/**
 * Puts columns of rows back that are still there. What somebody has written since up stays, and what was kept of it stays
 * in the archive. Two are not told apart by the numbers of transactions: one that was under way before up and writes the
 * row after it is overwritten; and what up itself fills in inside an exception block counts as somebody's.
 *
 * @param batch one of {@link batchesOf}
 * @returns how many rows have them back
 */
export async function putColumns(client: pg.Client, part: ListedPart, place: Place, batch: Batch): Promise<number> {
    const { archive, from, values, fitting } = place;
    const { key, keyIsUnique, columns, table } = part;
    // A batch finds its rows by the key's index; reading the table once for each would take longer than all of it.
    if (batch.places) await client.query("set local enable_hashjoin = off; set local enable_mergejoin = off");
    // Where equal rows are told apart by their number, they are first found by their place.
    const nth = `row_number() over (partition by (${key.join(", ")})::text) as simulation_db_nth`;
    const keyValues = key.map(name => values.get(name)).join(", ");
    const [target, found, sameRow] = keyIsUnique
        ? [`${from} as t`, "", `(${pair(key, "t")}) = (${keyValues})`]
        : [
              `${table} as t`,
              `, (select tableoid as simulation_db_table, ctid as simulation_db_row, ${key.join(", ")}, ${nth} from ${from}) as n`,
              `t.tableoid = n.simulation_db_table and t.ctid = n.simulation_db_row
               and ${line(key, "n")} = ${line(key, "a")} and a.simulation_db_nth = n.simulation_db_nth`,
          ];
    const { rows } = await client.query<Sum & { which: "put" | "gone" }>(
        `with put as (
             update ${target} set ${columns.map(name => `${name} = ${values.get(name)}`).join(", ")}
             from ${archive} as a ${found}
             where ${rowsOfBatch(batch)} and ${fitting} and ${sameRow}
             returning a.ctid as simulation_db_place, ${pair(columns, "t")}
         ),
         gone as (
             delete from ${archive} as a using put where a.ctid = put.simulation_db_place returning ${pair(columns, "a")}
         )
         select 'put' as which, ${place.sumOf("put")} from put
         union all
         select 'gone' as which, ${place.sumOf("gone")} from gone`,
    );
    const sumOf = (name: "put" | "gone") => rows.find(({ which }) => which === name) ?? { rows: 0, sum: null };
    const put = sumOf("put");
    requireSame(part, put, sumOf("gone"));
    return put.rows;
}

/**
 * Condition on `t`, a row of the table, and `a`, what was kept of it: somebody has written the row after up, and in one of
 * the columns is neither nothing, nor what up gave to all rows as a default, nor what was kept.
 */
async function newerCondition(client: pg.Client, { version, table, columns }: ListedPart): Promise<string> {
    // The history's row is of the transaction that it tells of, and never written again.
    const { rows: history } = await client.query<{ xmin: string; action: LedgerAction }>(
        `select xmin::text, action from simulation_db.history
         where version = $1 and action in ('up', 'adopt', 'repair applied') order by id desc limit 1`,
        [version],
    );
    const [up] = history;
    const oid = `${client.escapeLiteral(table)}::regclass`;
    const results = await resultsOf(
        client,
        `${writeExactly};
         select distinct on (a.attname) quote_ident(a.attname) as name, format_type(a.atttypid, a.atttypmod) as type,
                (a.attmissingval::text::text[])[1] as value
         from (select ${oid} union select relid from pg_partition_tree(${oid})) as r (oid)
         inner join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.atthasmissing
         inner join pg_catalog.pg_type as t on t.oid = a.atttypid and t.typdelim = ','
         order by a.attname`,
    );
    const defaults = (results.at(-1)?.rows ?? []) as { name: string; type: string; value: string }[];
    const givenToAll = new Map(
        defaults.map(({ name, type, value }) => [name, `(${client.escapeLiteral(value)}::${type})::text collate "C"`]),
    );
    // Any value can be compared as text.
    const isOther = columns.map(name => {
        const [now, kept] = [`(t.${name})::text collate "C"`, `(a.${name})::text collate "C"`];
        return `t.${name} is distinct from null and ${now} is distinct from ${kept} and ${now} is distinct from ${givenToAll.get(name) ?? "null"}`;
    });
    // When somebody ran up by hand, nobody knows.
    const isLater =
        up?.action === "up" ? `t.xmin <> '${up.xmin}'::xid and age(t.xmin) <= age('${up.xmin}'::xid)` : "true";
    return `${isLater} and (${isOther.join(" or ")})`;
}
