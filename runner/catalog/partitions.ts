import type pg from "pg";
import type { Fault } from "./undo.ts";

/** A partition and a table that it is a part of, directly or not. */
interface Partition {
    readonly name: string;
    readonly of: string;
}

/** An aspect of the catalog that up changed. */
interface Change {
    readonly key: string;
    /** Null: it was not there. */
    readonly before: string | null;
    /** Null: up took it away. */
    readonly after: string | null;
}

/** What up changed, by key. */
type ByUp = ReadonlyMap<string, Change>;

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
    const { rows } = await client.query<{ changes: Change[]; partitions: Partition[] }>(
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
             select coalesce(jsonb_agg(jsonb_build_object('key', key, 'before', r.value, 'after', a.value)), '[]')
             from jsonb_each_text(undo -> 'removed') as r full join jsonb_each_text(undo -> 'added') as a using (key)
         ) as changes, (
             select coalesce(jsonb_agg(jsonb_build_object('name', r.name, 'of', p.name)), '[]')
             from part inner join relation as r using (oid) inner join relation as p on p.oid = part.parent
         ) as partitions
         from simulation_db.migration where version = $1`,
        [version],
    );
    const { changes = [], partitions = [] } = rows[0] ?? {};
    const byUp = new Map(changes.map(change => [change.key, change]));

    const columns = faults.filter(fault => followsColumn(fault, partitions, byUp)).map(({ key }) => key);
    const indexes = faults.filter(fault => followsIndex(fault, faults, byUp));
    return faults.filter(
        fault =>
            !columns.some(column => ` ${fault.key} `.includes(` ${column} `)) &&
            !isOrderWithout(fault, columns) &&
            !indexes.some(index => fault === index || isConstraintOf(fault, index)) &&
            !followsOther(fault, partitions, byUp) &&
            !isAsItsTable(fault, partitions, byUp) &&
            !pointsAtPartition(fault, partitions, changes),
    );
}

/** What an aspect of a partition that PostgreSQL passes on, from the table or its columns, is called there. */
function ofTable(key: string, { name, of }: Partition): string | undefined {
    const column = /^(?:default of |storage of )?column /.exec(key)?.[0];
    if (column !== undefined && key.startsWith(`${column}${name}.`))
        return `${column}${of}${key.slice(column.length + name.length)}`;
    const end = ` on ${name}`;
    if (/^(?:constraint|trigger) /.test(key) && key.endsWith(end)) return `${key.slice(0, -end.length)} on ${of}`;
    return undefined;
}

/** Up's change of the same aspect of a table that it is a part of. */
function changeOfTable(key: string, partitions: readonly Partition[], byUp: ByUp): Change | undefined {
    const keys = partitions.flatMap(partition => ofTable(key, partition) ?? []);
    return keys.map(each => byUp.get(each)).find(change => change !== undefined);
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
    return fault.key.startsWith("column ") && changeOfTable(fault.key, partitions, byUp) !== undefined;
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
    return byUp.has(`index ${parent}`) || (above !== undefined && followsIndex(above, faults, byUp));
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
    return changeOfTable(fault.key, partitions, byUp) !== undefined;
}

/** It was as up left its table, and is as that was before up: a type, a default, "not null". */
function isAsItsTable(
    { key, byUp: own, expected, actual }: Fault,
    partitions: readonly Partition[],
    byUp: ByUp,
): boolean {
    const change = own ? undefined : changeOfTable(key, partitions, byUp);
    const withoutOrigin = (definition: string | null) => definition?.replace(/ inherited$/, "") ?? null;
    return change !== undefined && withoutOrigin(expected) === change.after && withoutOrigin(actual) === change.before;
}

/** Of a foreign key that points at a table with partitions, PostgreSQL keeps one more for each of them. */
function pointsAtPartition(fault: Fault, partitions: readonly Partition[], changes: readonly Change[]): boolean {
    const [, table] = /^constraint .+ on (.+)$/s.exec(fault.key) ?? [];
    if (!isAlone(fault) || table === undefined) return false;
    return partitions.some(({ name, of }) => {
        const text = textOf(fault);
        const above = text.replace(` REFERENCES ${name}(`, ` REFERENCES ${of}(`);
        return (
            above !== text &&
            changes.some(
                ({ key, before, after }) => key.endsWith(` on ${table}`) && (before === above || after === above),
            )
        );
    });
}
