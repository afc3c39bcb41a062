import type pg from "pg";

/** A smaller table is read so quickly that its writers may wait, in bytes. */
export const largeTable = 64 * 2 ** 20;

/** A table's own rows: those of tables that inherit from it are theirs, those of partitions are its own. */
export async function rowsOf(client: pg.Client, table: string): Promise<string> {
    const { rows } = await client.query<{ from: string }>(
        `select ${ownRows("relkind", "$1")} as from from pg_catalog.pg_class where oid = $1::text::regclass`,
        [table],
    );
    return rows[0]?.from ?? table;
}

/** The same for a table with this kind and name, which are SQL as the result is. */
export function ownRows(kind: string, name: string): string {
    return `case ${kind} when 'p' then ${name} else 'only ' || ${name} end`;
}

/**
 * The columns `key` of a table's primary key, or else of another unique one; `is_plain`: no extension says when two values of
 * it are the same. SQL, a row or none.
 *
 * @param oid the table's, which is SQL as the result is
 * @param may what is asked of each column `x`, a condition
 */
export function uniqueKey(oid: string, may: string): string {
    return `
        select (i.indkey::int2[])[0 : i.indnkeyatts - 1] as key, 16384::oid > all (i.indclass::oid[]) as is_plain
        from pg_catalog.pg_index as i
        where i.indrelid = ${oid} and i.indisunique and i.indpred is null and i.indexprs is null and i.indisvalid
            and (
                -- Which values are the same, the index and the column agree on.
                select bool_and(${may} and (x.attcollation = 0 or x.attcollation = any (i.indcollation::oid[])))
                from pg_catalog.pg_attribute as x
                where x.attrelid = i.indrelid and x.attnum = any ((i.indkey::int2[])[0 : i.indnkeyatts - 1])
            )
        order by i.indisprimary desc, i.indexrelid limit 1`;
}
