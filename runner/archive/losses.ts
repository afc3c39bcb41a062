import type pg from "pg";
import { readDownDirectives } from "../migration/directives.ts";
import { fileName, type Migration } from "../migration/migration.ts";
import { largeTable, ownRows, uniqueKey } from "./table.ts";

/** A table or some columns of one, that up had made and that down would take away with what is in them. */
export interface Loss {
    readonly table: string;
    /** The table, and only its own rows: see {@link ownRows}. */
    readonly from: string;
    readonly kind: "table" | "columns";
    readonly columns: readonly KeptColumn[];
    /** Columns that find the row again; empty for whole tables. */
    readonly key: readonly KeptColumn[];
    /** False when the key may name several rows: they are then told apart by their number among equals. */
    readonly keyIsUnique: boolean;
    /** How many columns the table has. */
    readonly width: number;
    /** Whether PostgreSQL itself may have filled such a column in the rows that were there. */
    readonly filled: boolean;
    /** Whether to read all of its rows would keep its writers waiting. */
    readonly isLarge: boolean;
    /** Whether what makes two values of the key the same is PostgreSQL's own: an extension's may not be on a search path. */
    readonly hasPlainKey: boolean;
}

/** A column, and what is kept of it. */
export interface KeptColumn {
    /** Quoted. */
    readonly name: string;
    /** Its type, as SQL. */
    readonly type: string;
    /** What makes of its value what is kept, as SQL that follows it: nothing, or its text where its type may be dropped before the archive is. */
    readonly cast: string;
}

/**
 * Of a column `a`. Types and collations of the project may be dropped by this down or an earlier one, and an archive that
 * holds them would stand in the way.
 */
export const keptColumn = `jsonb_build_object(
    'name', quote_ident(a.attname),
    'type', format_type(a.atttypid, a.atttypmod),
    'cast', case when a.atttypid >= 16384 or a.attcollation >= 16384 then '::text collate "default"' else '' end
)`;

/** What is kept of these columns, as a select list. */
export function keptList(columns: readonly KeptColumn[]): string {
    return columns.map(({ name, cast }) => `${name}${cast} as ${name}`).join(", ");
}

/** A row for each large table that up has given columns. SQL: a query. @param version of the migration, which is SQL as well */
export function columnsOfLargeTables(version: string): string {
    return `
        select from simulation_db.migration cross join lateral jsonb_each(undo -> 'made') as each
        inner join pg_catalog.pg_class as c on c.oid = to_regclass(each.key)
        where version = ${version} and each.value <> 'true' and ${isLarge("c.oid")}`;
}

/** Condition on a table, by its oid. SQL. */
function isLarge(oid: string): string {
    return `coalesce((select sum(pg_relation_size(relid)) from pg_partition_tree(${oid})), pg_relation_size(${oid})) >= ${largeTable}`;
}

/**
 * Tables and columns that are there because of up, by the names that the proof of undo knows them by; without those that
 * down says need not be archived.
 */
export async function readLosses(client: pg.Client, migration: Migration): Promise<Loss[]> {
    const { notArchived } = readDownDirectives(migration.down, fileName(migration, "down"));
    const { rows } = await client.query<Loss>(
        `with made as materialized (
             select each.key as name, each.value as columns
             from simulation_db.migration cross join lateral jsonb_each(undo -> 'made') as each where version = $1
         ),
         lost as (
             select c.oid, c.relkind, made.name, case when made.columns = 'true' then 'table' else 'columns' end as kind, made.columns
             from made
             inner join pg_catalog.pg_class as c on c.oid = to_regclass(made.name)
             -- What is in a partition is in its table.
             where made.columns <> 'true' and not c.relispartition or made.columns = 'true' and not exists (
                 select from pg_catalog.pg_inherits as i inner join made as parent on to_regclass(parent.name) = i.inhparent
                 where i.inhrelid = c.oid and c.relispartition and parent.columns = 'true'
             )
         )
         select l.name as table, l.kind, ${ownRows("l.relkind", "l.name")} as from,
                jsonb_agg(${keptColumn} order by a.attnum) filter (where a.attgenerated = '' and is_lost) as columns,
                case when l.kind = 'table' then '[]' else coalesce(
                    jsonb_agg(${keptColumn} order by a.attnum) filter (where a.attnum = any (u.key)),
                    jsonb_agg(${keptColumn} order by a.attnum) filter (where not is_lost)
                ) end as key,
                l.kind = 'table' or bool_or(u.key is not null) as "keyIsUnique",
                count(*)::integer as width,
                bool_or(is_lost and a.attgenerated = '' and (
                    a.atthasmissing or a.atthasdef or a.attidentity <> ''
                    or exists (select from pg_catalog.pg_type as t where t.oid = a.atttypid and t.typdefault is not null)
                )) as filled,
                ${isLarge("l.oid")} as "isLarge", coalesce(bool_and(u.is_plain), true) as "hasPlainKey"
         from lost as l
         inner join pg_catalog.pg_attribute as a on a.attrelid = l.oid and a.attnum > 0 and not a.attisdropped
         cross join lateral (select l.kind = 'table' or l.columns ? quote_ident(a.attname) as is_lost) as n
         left join lateral (${uniqueKey("l.oid", "x.attnotnull and not l.columns ? quote_ident(x.attname)")}) as u on l.kind = 'columns'
         where not l.name = any ($2)
         group by l.oid, l.name, l.kind, l.relkind
         having bool_or(a.attgenerated = '' and is_lost) and (l.kind = 'table' or not bool_and(is_lost))
         order by l.oid`,
        [migration.version, notArchived],
    );
    return rows;
}
