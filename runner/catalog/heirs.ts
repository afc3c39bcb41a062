import type pg from "pg";
import type { Fault } from "./undo.ts";

/** A table that inherits from another one, as a partition does, directly or not. */
interface Heir {
    readonly name: string;
    readonly from: string;
}

/** Aspects of the catalog that a migration changed, by name. */
type Aspects = Readonly<Record<string, string>>;

/**
 * Leaves out of the faults of a down what only follows from what it did to a parent: tables are made, attached and
 * detached while a migration is applied. What up had given the parent goes from a partition that came later, with the
 * parent's; and stays with one that is none any more.
 */
export async function withoutHeirs(client: pg.Client, version: string, faults: readonly Fault[]): Promise<Fault[]> {
    if (faults.length === 0) return [];
    const { rows } = await client.query<{ added: Aspects; removed: Aspects; heirs: Heir[] | null }>(
        `with recursive heir (oid, parent) as (
             select inhrelid, inhparent from pg_catalog.pg_inherits
             union
             select heir.oid, i.inhparent from heir inner join pg_catalog.pg_inherits as i on i.inhrelid = heir.parent
         ),
         relation as (
             select c.oid, format('%I.%I', n.nspname, c.relname) as name
             from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         )
         select undo -> 'added' as added, undo -> 'removed' as removed, (
             select jsonb_agg(jsonb_build_object('name', r.name, 'from', p.name))
             from heir inner join relation as r using (oid) inner join relation as p on p.oid = heir.parent
         ) as heirs
         from simulation_db.migration where version = $1`,
        [version],
    );
    const { added = {}, removed = {}, heirs } = rows[0] ?? {};
    const byUp = (key: string) => key in added || key in removed;
    const all = heirs ?? [];

    const columns = faults
        .filter(fault => followsColumn(fault, all, byUp) || wasDetached(fault, added))
        .map(({ key }) => key.slice("column ".length));
    const indexes = faults
        .filter(fault => followsIndex(fault, byUp) || wasPart(fault, added))
        .map(({ key }) => key.slice("index ".length));
    const detached = faults
        .filter(fault => wasDetached(fault, added))
        .map(({ key }) => /^column (.+)\./s.exec(key)?.[1] ?? "");
    return faults.filter(
        fault =>
            !columns.some(column => isOfColumn(fault, column)) &&
            !isOrderWithout(fault, columns) &&
            !indexes.some(index => isOfIndex(fault, index)) &&
            !followsConstraint(fault, all, byUp) &&
            !detached.some(table => isConstraintOf(fault, table) && isOnOthers(fault, added)),
    );
}

/** What up did not touch, and is gone or new: a parent's went or came. */
function isAlone({ byUp, expected, actual }: Fault): boolean {
    return !byUp && (expected === null || actual === null);
}

function followsColumn(fault: Fault, heirs: readonly Heir[], byUp: (key: string) => boolean): boolean {
    if (!isAlone(fault) || !isInherited(fault.expected ?? fault.actual)) return false;
    return heirs.some(({ name, from }) => {
        const start = `column ${name}.`;
        return fault.key.startsWith(start) && byUp(`column ${from}.${fault.key.slice(start.length)}`);
    });
}

/** Up had given it to a partition, which has it as its own now. */
function wasDetached({ key, expected, actual }: Fault, added: Aspects): boolean {
    return key.startsWith("column ") && expected === null && isInherited(added[key]) && !isInherited(actual);
}

/** As the catalog tells columns: objects.sql. */
function isInherited(definition: string | null | undefined): boolean {
    return definition?.endsWith(" inherited") === true;
}

/** A column's own aspect, its storage, its default, its comment, who may use it. */
function isOfColumn({ key }: Fault, column: string): boolean {
    return ` ${key} `.includes(` column ${column} `);
}

function isOrderWithout({ key, expected, actual }: Fault, columns: readonly string[]): boolean {
    const [, table] = /^column order of (.+)$/s.exec(key) ?? [];
    if (table === undefined || expected === null || actual === null) return false;
    const rest = (order: string) =>
        order
            .split(", ")
            .filter(name => !columns.includes(`${table}.${name}`))
            .join(", ");
    return rest(expected) === rest(actual);
}

function followsIndex(fault: Fault, byUp: (key: string) => boolean): boolean {
    if (!isAlone(fault) || !fault.key.startsWith("index ")) return false;
    const [, parent] = /^part of (.+)$/m.exec(fault.expected ?? fault.actual ?? "") ?? [];
    return parent !== undefined && byUp(`index ${parent}`);
}

/** The same of an index. */
function wasPart({ key, expected, actual }: Fault, added: Aspects): boolean {
    const isPart = (definition = "") => /^part of /m.test(definition);
    return key.startsWith("index ") && expected === null && isPart(added[key]) && !isPart(actual ?? undefined);
}

/** The index, and the constraint that it stands for, which has its name. */
function isOfIndex({ key }: Fault, index: string): boolean {
    const name = index.slice(index.indexOf(".") + 1);
    return key === `index ${index}` || key.startsWith(`constraint ${name} on `);
}

/** A constraint or trigger that has the parent's name. */
function followsConstraint(fault: Fault, heirs: readonly Heir[], byUp: (key: string) => boolean): boolean {
    if (!isAlone(fault)) return false;
    return heirs.some(({ name, from }) => {
        const end = ` on ${name}`;
        return isConstraintOf(fault, name) && byUp(`${fault.key.slice(0, -end.length)} on ${from}`);
    });
}

function isConstraintOf({ key }: Fault, table: string): boolean {
    return /^(constraint|trigger) /.test(key) && key.endsWith(` on ${table}`);
}

/** Up has given other tables one of this name, as it does for all partitions of one. */
function isOnOthers({ key }: Fault, added: Aspects): boolean {
    const [what] = key.split(" on ");
    return Object.keys(added).some(other => other !== key && other.startsWith(`${what} on `));
}
