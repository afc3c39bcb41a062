import type pg from "pg";
import type { Fault } from "./undo.ts";

/** A partition and a table that it is a part of, directly or not. */
interface Partition {
    readonly name: string;
    readonly of: string;
}

/** An aspect of the catalog that up added or removed. */
interface Aspect {
    readonly key: string;
    readonly definition: string;
}

/** Whether up changed an aspect of the catalog. */
type ByUp = (key: string) => boolean;

/**
 * Leaves out of the faults of a down what only follows for partitions: some are made and attached while a migration is
 * applied, and what up gave their table goes from them with it, or comes back. Their rows are in the table, and so in the
 * archive; those of tables that merely inherit are not, and what goes from them is a fault.
 */
export async function withoutPartitions(
    client: pg.Client,
    version: string,
    faults: readonly Fault[],
): Promise<Fault[]> {
    if (faults.length === 0) return [];
    const { rows } = await client.query<{ aspects: Aspect[]; partitions: Partition[] }>(
        `with recursive part (oid, parent) as (
             select i.inhrelid, i.inhparent from pg_catalog.pg_inherits as i inner join pg_catalog.pg_class as c on c.oid = i.inhrelid
             where c.relispartition and c.relkind in ('r', 'p', 'f')
             union
             select part.oid, i.inhparent from part inner join pg_catalog.pg_inherits as i on i.inhrelid = part.parent
         ),
         relation as (
             select c.oid, format('%I.%I', n.nspname, c.relname) as name
             from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         )
         select (
             select coalesce(jsonb_agg(jsonb_build_object('key', key, 'definition', definition)), '[]')
             from (select * from jsonb_each_text(undo -> 'added') union select * from jsonb_each_text(undo -> 'removed')) as a (key, definition)
         ) as aspects, (
             select coalesce(jsonb_agg(jsonb_build_object('name', r.name, 'of', p.name)), '[]')
             from part inner join relation as r using (oid) inner join relation as p on p.oid = part.parent
         ) as partitions
         from simulation_db.migration where version = $1`,
        [version],
    );
    const { aspects = [], partitions = [] } = rows[0] ?? {};
    const changed = new Set(aspects.map(({ key }) => key));
    const byUp = (key: string) => changed.has(key);

    const columns = faults.filter(fault => followsColumn(fault, partitions, byUp)).map(({ key }) => key);
    const indexes = faults.filter(fault => followsIndex(fault, faults, byUp));
    return faults.filter(
        fault =>
            !columns.some(column => ` ${fault.key} `.includes(` ${column} `)) &&
            !isOrderWithout(fault, columns) &&
            !indexes.some(index => fault === index || isConstraintOf(fault, index)) &&
            !followsOther(fault, partitions, byUp) &&
            !pointsAtPartition(fault, partitions, aspects),
    );
}

/** What up did not touch, and is gone or new: a table's went or came. */
function isAlone({ byUp, expected, actual }: Fault): boolean {
    return !byUp && (expected === null || actual === null);
}

function textOf({ expected, actual }: Fault): string {
    return expected ?? actual ?? "";
}

/** Its storage, default, comment and privileges have the column's name in theirs, and go with it. */
function followsColumn(fault: Fault, partitions: readonly Partition[], byUp: ByUp): boolean {
    // As the catalog tells columns: objects.sql.
    if (!isAlone(fault) || !textOf(fault).endsWith(" inherited")) return false;
    return partitions.some(({ name, of }) => {
        const start = `column ${name}.`;
        return fault.key.startsWith(start) && byUp(`column ${of}.${fault.key.slice(start.length)}`);
    });
}

function isOrderWithout({ key, expected, actual }: Fault, columns: readonly string[]): boolean {
    const start = "column order of ";
    if (!key.startsWith(start) || expected === null || actual === null) return false;
    const rest = (order: string) =>
        order
            .split(", ")
            .filter(name => !columns.includes(`column ${key.slice(start.length)}.${name}`))
            .join(", ");
    return rest(expected) === rest(actual);
}

/** A part of an index that up made or dropped, or of such a part. */
function followsIndex(fault: Fault, faults: readonly Fault[], byUp: ByUp): boolean {
    if (!isAlone(fault) || !fault.key.startsWith("index ")) return false;
    const [, parent] = /^part of (.+)$/m.exec(textOf(fault)) ?? [];
    if (parent === undefined) return false;
    const above = faults.find(({ key }) => key === `index ${parent}`);
    return byUp(`index ${parent}`) || (above !== undefined && followsIndex(above, faults, byUp));
}

/** The constraint that an index stands for has its name, on its table. */
function isConstraintOf(fault: Fault, index: Fault): boolean {
    const [, name, table] = /^CREATE UNIQUE INDEX (.+) ON (?:ONLY )?(.+) USING /.exec(textOf(index)) ?? [];
    return isAlone(fault) && fault.key === `constraint ${name} on ${table}`;
}

/** A constraint or trigger of a partition that has the name of its table's; a trigger for each statement is its own. */
function followsOther(fault: Fault, partitions: readonly Partition[], byUp: ByUp): boolean {
    if (!isAlone(fault) || !/^constraint |^trigger .* FOR EACH ROW /s.test(`${fault.key} ${textOf(fault)}`))
        return false;
    return partitions.some(({ name, of }) => {
        const end = ` on ${name}`;
        return fault.key.endsWith(end) && byUp(`${fault.key.slice(0, -end.length)} on ${of}`);
    });
}

/** Of a foreign key that points at a table with partitions, PostgreSQL keeps one more for each of them. */
function pointsAtPartition(fault: Fault, partitions: readonly Partition[], aspects: readonly Aspect[]): boolean {
    const [, table] = /^constraint .+ on (.+)$/s.exec(fault.key) ?? [];
    if (!isAlone(fault) || table === undefined) return false;
    return partitions.some(({ name, of }) => {
        const text = textOf(fault);
        const above = text.replace(` REFERENCES ${name}(`, ` REFERENCES ${of}(`);
        return (
            above !== text &&
            aspects.some(({ key, definition }) => key.endsWith(` on ${table}`) && definition === above)
        );
    });
}
