import type pg from "pg";
import { pair, type Place, requireSame, type Sum } from "./place.ts";
import type { ListedPart } from "./registry.ts";
import { uniqueKey } from "./table.ts";

/**
 * Pages of the archive that are put back in one transaction: some thousands of rows, and tens of milliseconds for which
 * others wait for one of them.
 */
const batchPages = 40;

/** What is put back of a part in one transaction, as a condition on `a`, the archive; undefined for all of it. */
export type Batch = string | undefined;

/**
 * Parts a part. Rows of a table that is in use come back a few at a time, found by the key's index; where there is none,
 * or equal rows are told apart by their number, the table is read once for all of them.
 */
export async function batchesOf(client: pg.Client, part: ListedPart): Promise<Batch[]> {
    if (part.kind !== "columns" || !part.keyIsUnique) return [undefined];
    const { rows } = await client.query<{ from: number }>(
        `select generate_series(0, pg_relation_size($1::regclass) / current_setting('block_size')::integer, $2)::integer as from
         where exists (${uniqueKey("$3::regclass", "quote_ident(x.attname) = any ($4)")})`,
        [`simulation_db_archive.${client.escapeIdentifier(part.archive)}`, batchPages, part.table, part.key],
    );
    if (rows.length === 0) return [undefined];
    return rows.map(({ from }) => `a.ctid >= '(${from},0)' and a.ctid < '(${from + batchPages},0)'`);
}

/**
 * Puts columns of rows back that are still there. What somebody has written since up stays, and what was kept of it stays
 * in the archive. (A transaction that was under way before up and writes the row after it is not told apart.)
 *
 * @param batch one of {@link batchesOf}
 * @returns how many rows have them back
 */
export async function putColumns(client: pg.Client, part: ListedPart, place: Place, batch: Batch): Promise<number> {
    const { archive, from, values, fitting } = place;
    const { key, keyIsUnique, columns, table } = part;
    // A batch finds its rows by the key's index; reading the table once for each would take longer than all of it.
    if (batch) await client.query("set local enable_hashjoin = off; set local enable_mergejoin = off");
    // Where equal rows are told apart by their number, they are first found by their place.
    const nth = `row_number() over (partition by (${key.join(", ")})::text) as simulation_db_nth`;
    const keyValues = key.map(name => values.get(name)).join(", ");
    const [target, found, sameRow] = keyIsUnique
        ? [`${from} as t`, "", `(${pair(key, "t")}) = (${keyValues})`]
        : [
              `${table} as t`,
              `, (select tableoid as simulation_db_table, ctid as simulation_db_row, ${key.join(", ")}, ${nth} from ${from}) as n`,
              `t.tableoid = n.simulation_db_table and t.ctid = n.simulation_db_row
               and (${pair(key, "n")})::text = (${pair(key, "a")})::text and a.simulation_db_nth = n.simulation_db_nth`,
          ];
    const up = await transactionOfUp(client, part);
    const isWrittenSince = `t.xmin <> '${up}'::xid and age(t.xmin) <= age('${up}'::xid)`;
    const hasValue = columns.map(name => `t.${name} is not null`).join(" or ");
    const { rows } = await client.query<Sum & { which: "put" | "gone" }>(
        `with put as (
             update ${target} set ${columns.map(name => `${name} = ${values.get(name)}`).join(", ")}
             from ${archive} as a ${found}
             where ${batch ?? "true"} and ${fitting} and ${sameRow} and not (${isWrittenSince} and (${hasValue}))
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

/** The transaction of the newest up. The history's row is of that transaction, and never written again. */
async function transactionOfUp(client: pg.Client, { version }: ListedPart): Promise<string> {
    const { rows } = await client.query<{ xmin: string }>(
        "select xmin::text from simulation_db.history where version = $1 order by id desc limit 1",
        [version],
    );
    const [row] = rows;
    if (!row) throw new Error(`the history has no up of ${version}`);
    return row.xmin;
}
