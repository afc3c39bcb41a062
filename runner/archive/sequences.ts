import type pg from "pg";
import type { ArchivedPart, ListedPart } from "./registry.ts";

/** A sequence that gives a column its values. */
export interface ColumnSequence {
    readonly column: string;
    readonly sequence: string;
    readonly ascending: boolean;
}

/** The sequences that give these columns their values. */
export async function sequencesOf(
    client: pg.Client,
    table: string,
    columns: readonly string[],
): Promise<ColumnSequence[]> {
    const { rows } = await client.query<ColumnSequence>(columnSequences, [table, columns]);
    return rows;
}

/** Where they stand. */
export async function positionsOf(
    client: pg.Client,
    sequences: readonly ColumnSequence[],
): Promise<ArchivedPart["sequences"]> {
    if (sequences.length === 0) return [];
    const each = sequences.map(
        ({ sequence }, index) =>
            `select $${index + 1} as column, last_value::text as last, is_called as called from ${sequence}`,
    );
    const { rows } = await client.query<ArchivedPart["sequences"][number]>(
        each.join(" union all "),
        sequences.map(({ column }) => column),
    );
    return rows;
}

/** The sequences of a table's columns, by quoted name: their own ones, and those that their defaults ask. */
const columnSequences = `
    select distinct quote_ident(a.attname) as column, s.oid::regclass::text as sequence, q.seqincrement > 0 as ascending
    from pg_catalog.pg_attribute as a
    left join pg_catalog.pg_attrdef as f on f.adrelid = a.attrelid and f.adnum = a.attnum
    inner join pg_catalog.pg_depend as d
        on d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = a.attrelid and d.refobjsubid = a.attnum and d.deptype in ('a', 'i')
        or d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass
    inner join pg_catalog.pg_class as s on s.relkind = 'S' and s.oid = case when d.classid = 'pg_class'::regclass then d.objid else d.refobjid end
    inner join pg_catalog.pg_sequence as q on q.seqrelid = s.oid
    where a.attrelid = $1::regclass and quote_ident(a.attname) = any ($2)`;

/** A sequence goes on where it stood, so that it never gives out a number that came back; it never goes back. */
export async function setSequences(client: pg.Client, { table, columns, sequences }: ListedPart): Promise<void> {
    for (const { column, sequence, ascending } of await sequencesOf(client, table, columns)) {
        const position = sequences.find(each => each.column === column);
        if (!position) continue;
        await client.query(
            `select setval($1::regclass, $2::bigint, $3) from ${sequence}
             where $2::bigint ${ascending ? ">" : "<"} last_value or $2::bigint = last_value and $3 and not is_called`,
            [sequence, position.last, position.called],
        );
    }
}
