import type pg from "pg";
import { type LockMode, lockModes, type Lost, type ObservedLock, type Renamed } from "./observation.ts";
import type { RelationKind } from "../look/targetLook.ts";

/** A relation as the server knows it: by a number that outlives its name. */
interface Relation {
    readonly oid: number;
    readonly name: string;
    readonly kind: RelationKind;
    /** Number of the file that holds its rows; 0 for what has none. */
    readonly file: number;
    /** Numbers and names of its columns. */
    readonly columns: readonly (readonly [number, string])[];
    /** The table that an index belongs to. */
    readonly table: string | null;
}

/** What the server's catalog says at one moment, and what the open transaction has locked. */
export interface State {
    readonly rows: ReadonlyMap<number, Row>;
    readonly relations: ReadonlyMap<number, Relation>;
    readonly locks: ReadonlyMap<number, LockMode>;
}

/** What changed from one state to the next, of what was there at the start. */
export interface Change {
    readonly locks: readonly ObservedLock[];
    readonly rewritten: readonly string[];
    readonly indexed: readonly string[];
    readonly lost: readonly Lost[];
    readonly renamed: readonly Renamed[];
}

const holdsRows: readonly RelationKind[] = ["table", "partitioned table", "materialized view", "foreign table"];

/** Relations of the target, by name, kind, file, columns. Whatever search path and role the migration has set. */
const relations = (condition: string) => `
    select
        c.oid::pg_catalog.int8 as oid, n.oid::pg_catalog.int8 as schema, pg_catalog.quote_ident(c.relname) as name, c.relkind as kind,
        c.relfilenode::pg_catalog.int8 as file, coalesce(a.columns, '[]') as columns, i.indrelid::pg_catalog.int8 as "of"
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on n.oid operator(pg_catalog.=) c.relnamespace
    left join pg_catalog.pg_index as i on i.indexrelid operator(pg_catalog.=) c.oid
    left join (
        select a.attrelid, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(a.attnum, pg_catalog.quote_ident(a.attname))) as columns
        from pg_catalog.pg_attribute as a
        where a.attnum operator(pg_catalog.>) 0 and not a.attisdropped ${condition.replaceAll("c.oid", "a.attrelid")}
        group by a.attrelid
    ) as a on a.attrelid operator(pg_catalog.=) c.oid and c.relkind in ('r', 'p', 'm', 'f')
    where c.relkind in ('r', 'p', 'm', 'f', 'v', 'S', 'i', 'I') and n.nspname operator(pg_catalog.!~) '^(pg_|simulation_db)'
        and n.nspname operator(pg_catalog.<>) 'information_schema' ${condition}`;

const ownLocks = `
    select l.relation::pg_catalog.int8 as oid, l.mode
    from pg_catalog.pg_locks as l
    where l.locktype operator(pg_catalog.=) 'relation' and l.granted and l.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()
        and l.database operator(pg_catalog.=) (
            select d.oid from pg_catalog.pg_database as d where d.datname operator(pg_catalog.=) pg_catalog.current_database()
        )`;

/** One round trip: the locks, the schemas, and the relations with a lock that a change of them needs. */
const sinceThen = `
    with lock as materialized (${ownLocks})
    select
        (select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(l.oid, l.mode)) from lock as l) as locks,
        (select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r)) from (${relations(
            "and c.oid operator(pg_catalog.=) any (array(select l.oid::pg_catalog.oid from lock as l where l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')))",
        )}) as r) as relations,
        (
            select pg_catalog.jsonb_object_agg(n.oid::pg_catalog.int8::pg_catalog.text, pg_catalog.quote_ident(n.nspname))
            from pg_catalog.pg_namespace as n
        ) as schemas`;

const kinds: Readonly<Record<string, RelationKind>> = {
    r: "table",
    p: "partitioned table",
    m: "materialized view",
    f: "foreign table",
    v: "view",
    S: "sequence",
    i: "index",
    I: "index",
};

interface Row {
    readonly oid: number;
    readonly schema: number;
    readonly name: string;
    readonly kind: string;
    readonly file: number;
    readonly columns: readonly (readonly [number, string])[];
    /** The table of an index, by its number. */
    readonly of: number | null;
}

/** All relations, outside a migration's transaction: nothing is locked. */
export async function readState(client: pg.Client): Promise<State> {
    const { rows } = await client.query<{ relations: Row[] | null; schemas: Record<string, string> }>(
        `select
             (select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r)) from (${relations("")}) as r) as relations,
             (
                 select pg_catalog.jsonb_object_agg(n.oid::pg_catalog.int8::pg_catalog.text, pg_catalog.quote_ident(n.nspname))
                 from pg_catalog.pg_namespace as n
             ) as schemas`,
    );
    const all = new Map((rows[0]?.relations ?? []).map(row => [row.oid, row]));
    return { rows: all, relations: named(all, rows[0]?.schemas ?? {}), locks: new Map() };
}

/**
 * What is now, given what was before a statement of the same transaction. To rename a relation, change its columns, give
 * it another file or drop it takes a lock that is kept until the transaction ends, so only the locked ones are looked at.
 */
export async function readNext(client: pg.Client, before: State): Promise<State> {
    const { rows } = await client.query<{
        relations: Row[] | null;
        locks: [number, LockMode][] | null;
        schemas: Record<string, string>;
    }>({ name: "since then", text: sinceThen });
    const { relations: changed, locks: held, schemas = {} } = rows[0] ?? {};
    const locks = new Map<number, LockMode>();
    for (const [oid, mode] of held ?? []) locks.set(oid, stronger(mode, locks.get(oid)));
    const all = new Map(before.rows);
    for (const [oid, mode] of locks) if (isStrong(mode)) all.delete(oid);
    for (const row of changed ?? []) all.set(row.oid, row);
    return { rows: all, relations: named(all, schemas), locks };
}

/** The same when its transaction has ended: what it locked is free. */
export function committed(state: State): State {
    return { ...state, locks: new Map() };
}

function named(rows: ReadonlyMap<number, Row>, schemas: Readonly<Record<string, string>>): Map<number, Relation> {
    const nameOf = ({ schema, name }: Row) => `${schemas[schema]}.${name}`;
    const relations = new Map<number, Relation>();
    for (const [oid, row] of rows) {
        const table = row.of === null ? undefined : rows.get(row.of);
        relations.set(oid, {
            oid,
            name: nameOf(row),
            kind: kinds[row.kind] ?? "table",
            file: row.file,
            columns: row.columns,
            table: table ? nameOf(table) : null,
        });
    }
    return relations;
}

function isStrong(mode: LockMode): boolean {
    return lockModes.indexOf(mode) > lockModes.indexOf("RowExclusiveLock");
}

/**
 * What a statement did, by the server's own numbers: a table that was dropped and made again the same is another one.
 *
 * @param start what counts as there: the target's relations
 */
export function compareStates(start: State, before: State, after: State): Change {
    const locks: ObservedLock[] = [];
    for (const [oid, mode] of after.locks) {
        const relation = start.relations.get(oid);
        if (!relation || stronger(mode, before.locks.get(oid)) === before.locks.get(oid)) continue;
        const { name, kind, table } = before.relations.get(oid) ?? relation;
        locks.push({ relation: name, kind, mode, ...(table === null ? {} : { table }) });
    }

    const rewritten: string[] = [];
    const indexed = tablesWithNewIndex(start, before, after);
    const lost: Lost[] = [];
    const renamed: Renamed[] = [];
    for (const { oid, columns: first } of start.relations.values()) {
        const then = before.relations.get(oid);
        if (!then || !holdsRows.includes(then.kind)) continue;
        const now = after.relations.get(oid);
        if (!now) {
            lost.push({ kind: "table", name: then.name });
            continue;
        }
        if (now.file !== then.file) rewritten.push(then.name);
        if (now.name !== then.name) renamed.push({ kind: "table", from: then.name, to: now.name });
        const columnsNow = new Map(now.columns);
        const known = new Set(first.map(([number]) => number));
        for (const [number, column] of then.columns) {
            if (!known.has(number)) continue;
            const is = columnsNow.get(number);
            const from = `${then.name}.${column}`;
            if (is === undefined) lost.push({ kind: "column", name: from });
            else if (is !== column) renamed.push({ kind: "column", from, to: `${now.name}.${is}` });
        }
    }
    return { locks: locks.sort(bySeverity), rewritten, indexed, lost, renamed };
}

/** By the files: PostgreSQL may make an index again and keep what was built, or build another under the same number. */
function tablesWithNewIndex(start: State, before: State, after: State): string[] {
    const built = new Set([...before.rows.values()].map(({ file }) => file));
    const tables = [...after.rows.values()].flatMap(({ of, file }) =>
        of !== null && file !== 0 && !built.has(file) && start.relations.has(of) ? of : [],
    );
    return [...new Set(tables)].flatMap(oid => before.relations.get(oid)?.name ?? []);
}

function stronger(one: LockMode, other: LockMode | undefined): LockMode {
    return other !== undefined && lockModes.indexOf(other) >= lockModes.indexOf(one) ? other : one;
}

/** The strongest first, then by name. */
function bySeverity(a: ObservedLock, b: ObservedLock): number {
    return lockModes.indexOf(b.mode) - lockModes.indexOf(a.mode) || (a.relation < b.relation ? -1 : 1);
}
