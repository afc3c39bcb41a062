import type pg from "pg";
import { pair, type Place, requireSame, sum } from "./place.ts";
import { write } from "./putRows.ts";
import type { ListedPart } from "./registry.ts";

/** Columns of rows that are still there. @returns how many rows have them back */
export async function putColumns(client: pg.Client, part: ListedPart, place: Place): Promise<number> {
    const { archive, from, values, fitting } = place;
    const { key, keyIsUnique, columns, table } = part;
    // Where equal rows are told apart by their number, they are first found by their place.
    const nth = `row_number() over (partition by (${key.join(", ")})::text) as simulation_db_nth`;
    const located = keyIsUnique
        ? `${from} as t`
        : `(select tableoid as simulation_db_table, ctid as simulation_db_row, ${key.join(", ")}, ${nth} from ${from}) as t`;
    const keyValues = key.map(name => values.get(name)).join(", ");
    const sameKey = keyIsUnique
        ? `(${pair(key, "t")}) = (${keyValues})`
        : `(${pair(key, "t")})::text = (${pair(key, "a")})::text and a.simulation_db_nth = t.simulation_db_nth`;
    const set = columns.map(name => `${name} = ${values.get(name)}`).join(", ");
    const [target, found] = keyIsUnique ? [`${from} as t`, ""] : [`${table} as target`, `, ${located}`];
    const samePlace = keyIsUnique
        ? "true"
        : "target.tableoid = t.simulation_db_table and target.ctid = t.simulation_db_row";
    const put = await write(
        client,
        place,
        `update ${target} set ${set} from ${archive} as a ${found} where ${samePlace} and ${fitting} and ${sameKey}`,
    );
    if (put.rows === part.rows) {
        requireSame(part, put, await sum(client, `select ${place.sumOf("a")} from ${archive} as a`));
        return part.rows;
    }
    const back = `delete from ${archive} as a using ${located} where ${fitting} and ${sameKey} returning ${pair(columns, "a")}`;
    requireSame(part, put, await sum(client, `with back as (${back}) select ${place.sumOf("back")} from back`));
    return put.rows;
}
