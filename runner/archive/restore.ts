import type pg from "pg";
import { label, type Migration } from "../migration/migration.ts";
import { withRetries } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { inTransaction } from "../database/transaction.ts";
import { columnSequences, rowsOf, uniqueKey } from "./keep.ts";
import { dropPart, type ListedPart, listArchive } from "./registry.ts";

/**
 * Puts back what an earlier rollback of this migration had kept, each part in a transaction of its own after the
 * migration's, so that no lock of the migration is held meanwhile. What cannot go back (its owner is gone, its row is
 * gone, another row has its key, the table is another one now) stays in the archive and is counted.
 *
 * @throws when a lock cannot be had in time or the connection breaks; the next run goes on there
 */
export async function restoreRows(
    session: Session,
    migration: Pick<Migration, "version" | "slug">,
    say: (line: string) => void,
): Promise<void> {
    const parts = await listArchive(session.client, migration.version);
    const left = new Map(parts.map(part => [part.id, part.rows]));
    const reasons = new Map<string, string>();
    // A row may refer to one of a later part: what could not go back is tried again while others do.
    for (let waiting = [...parts], moved = true; moved && waiting.length > 0;) {
        moved = false;
        for (const part of waiting) {
            const rows = left.get(part.id) ?? 0;
            const { remaining, reason } = await tryPart(session, { ...part, rows }, say);
            left.set(part.id, remaining);
            if (reason) reasons.set(part.id, reason);
            moved ||= remaining < rows;
        }
        waiting = waiting.filter(({ id }) => (left.get(id) ?? 0) > 0 && !reasons.has(id));
    }

    for (const part of parts) {
        const remaining = left.get(part.id) ?? 0;
        const why = reasons.get(part.id) ?? "their owner or row is gone, or another row has their key";
        const kept = remaining === 0 ? "" : `; ${remaining} could not (${why}): archive list shows where they are`;
        say(
            `${label(migration)}: ${part.rows - remaining} of ${part.rows} archived rows are back in ${part.table}${kept}`,
        );
    }
    const some = parts.filter(({ id }) => left.get(id) !== 0).map(({ id }) => id);
    if (some.length > 0) {
        await session.client.query("update simulation_db.archive set restored_at = now() where id = any ($1)", [some]);
    }
}

/** @returns how many rows stay, and why, when it is for a reason that another attempt does not change */
async function tryPart(
    session: Session,
    part: ListedPart,
    say: (line: string) => void,
): Promise<{ remaining: number; reason?: string }> {
    const { client, settings } = session;
    const attempt = (mayMeet: boolean) =>
        withRetries(session, say, () => inTransaction(client, {}, settings, () => restorePart(client, part, mayMeet)));
    try {
        // Looking out for another row with the same key takes an insert twice as long, and there is rarely one.
        const remaining = await attempt(false).catch((error: unknown) => {
            if (!meetsAnother(error)) throw error;
            return attempt(true);
        });
        return { remaining };
    } catch (error) {
        const { code = "", message } = error as pg.DatabaseError;
        // The rows do not fit the table of today: classes 22 (data), 23 (constraints), 42 (names and types), and ours.
        if (!(error instanceof Mismatch) && !/^(22|23|42)/.test(code)) throw error;
        return { remaining: part.rows, reason: message };
    }
}

/** A unique (23505) or exclusion (23P01) constraint has another row in the place of this one. */
function meetsAnother(error: unknown): boolean {
    return ["23505", "23P01"].includes((error as pg.DatabaseError).code ?? "");
}

/** What came back is not what was kept. */
class Mismatch extends Error {}

/** Number and checksum of rows. */
interface Sum {
    readonly rows: number;
    readonly sum: string | null;
}

/**
 * @param mayMeet rows whose key another one has stay in the archive; otherwise they are an error
 * @returns how many rows stay in the archive
 */
async function restorePart(client: pg.Client, part: ListedPart, mayMeet: boolean): Promise<number> {
    await client.query("set local row_security = off");
    // So many rows are joined and sorted as for a new index.
    await client.query("select set_config('work_mem', current_setting('maintenance_work_mem'), true)");
    const archive = `simulation_db_archive.${client.escapeIdentifier(part.archive)}`;
    const place: Place = {
        archive,
        from: await rowsOf(client, part.table),
        ...(await readColumns(client, part, archive)),
        fitting: await ownersThere(client, part, archive),
    };
    const back = await withoutTriggers(client, part, () =>
        part.kind === "columns" ? putColumns(client, part, place) : putRows(client, part, place, mayMeet),
    );
    await setSequences(client, part);
    const remaining = part.rows - back;
    if (remaining === 0) await dropPart(client, part);
    else await client.query("update simulation_db.archive set rows = $2 where id = $1", [part.id, remaining]);
    return remaining;
}

interface Place {
    readonly archive: string;
    /** The table, and only its own rows. */
    readonly from: string;
    /** By column: the archived value as the table takes it. */
    readonly values: ReadonlyMap<string, string>;
    /** Number and checksum of rows, as a select list, of a table with this alias. */
    readonly sumOf: (alias: string) => string;
    /** Condition on `a`: what its foreign keys point at is there. */
    readonly fitting: string;
}

/** Whole rows; those that up has written itself are not written again. @returns how many are back */
async function putRows(client: pg.Client, part: ListedPart, place: Place, mayMeet: boolean): Promise<number> {
    const { archive, from, values, fitting } = place;
    const names = part.columns.join(", ");
    const selected = part.columns.map(name => values.get(name)).join(", ");
    const { rows: any } = await client.query(`select from ${from} limit 1`);
    const isEmpty = any.length === 0;
    const there = isEmpty ? 0 : await forgetPresent(client, part, place);
    const expected = await sum(client, `select ${place.sumOf("a")} from ${archive} as a where ${fitting}`);
    const insert = `insert into ${part.table} (${names}) overriding system value
                    select ${selected} from ${archive} as a where ${fitting} ${mayMeet ? "on conflict do nothing" : ""}`;
    const put = isEmpty
        ? await write(client, place, insert)
        : await sum(client, `with put as (${insert} returning ${names}) select ${place.sumOf("put")} from put`);
    if (put.rows === expected.rows) {
        requireSame(part, put, expected);
        // Where all are back, the archive's table goes as a whole: row by row would cost as much as the way back.
        if (there + put.rows < part.rows) await client.query(`delete from ${archive} as a where ${fitting}`);
    } else {
        // Some met another row with their key: those that did not are found by all that is in them.
        const sameRow = `(${pair(part.columns, "a")})::text = (${pair(part.columns, "t")})::text`;
        const found = `delete from ${archive} as a using ${from} as t where ${fitting} and ${sameRow} returning ${pair(part.columns, "a")}`;
        requireSame(part, put, await sum(client, `with back as (${found}) select ${place.sumOf("back")} from back`));
    }
    return there + put.rows;
}

/**
 * Takes rows out of the archive that up has written already, each as often as it has. Others wait for the table
 * meanwhile, so only those of its rows are read whole whose key the archive has, where there is a key.
 *
 * @returns how many
 */
async function forgetPresent(
    client: pg.Client,
    { table, columns }: ListedPart,
    { archive, from, values }: Place,
): Promise<number> {
    const { rows } = await client.query<{ name: string }>(
        `select quote_ident(a.attname) as name
         from (${uniqueKey("$1::regclass", "x.attnotnull and quote_ident(x.attname) = any ($2)")}) as u
         inner join pg_catalog.pg_attribute as a on a.attrelid = $1::regclass and a.attnum = any (u.key)`,
        [table, columns],
    );
    const key = rows.map(({ name }) => name);
    // The server takes a table that it has not looked at yet for one of thousands of rows.
    await client.query(`analyze ${archive}`);
    const line = (of: string) => `(${pair(columns, of)})::text`;
    const keyThere = pair(key, "t");
    const keyKept = key.map(name => values.get(name)).join(", ");
    const [ofThere, ofKept] =
        key.length === 0
            ? ["true", `${line("a")} in (select line from present)`]
            : // Either side may be the large one.
              [
                  `(${keyThere}) in (select ${keyKept} from ${archive} as a)`,
                  `(${keyKept}) in (select ${keyThere} from ${from} as t)`,
              ];
    const { rowCount } = await client.query(
        `with present as (select ${line("t")} as line, count(*) as times from ${from} as t where ${ofThere} group by 1),
         numbered as (
             select a.ctid as place, ${line("a")} as line, row_number() over (partition by ${line("a")}) as nth
             from ${archive} as a where ${ofKept}
         )
         delete from ${archive} as a using numbered inner join present using (line) where a.ctid = place and nth <= times`,
    );
    return rowCount ?? 0;
}

/** Columns of rows that are still there. @returns how many rows have them back */
async function putColumns(client: pg.Client, part: ListedPart, place: Place): Promise<number> {
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

/**
 * Runs a statement that writes much of a table, and reads what it has written: all processors do that, and sooner than
 * one takes the rows that the statement itself returns. Others may write to the table as well.
 */
async function write(client: pg.Client, { from, sumOf }: Place, statement: string): Promise<Sum> {
    await client.query(statement);
    return await sum(
        client,
        `select ${sumOf("t")} from ${from} as t where t.xmin = (select pg_current_xact_id()::xid)`,
    );
}

async function sum(client: pg.Client, query: string): Promise<Sum> {
    const { rows } = await client.query<Sum>(query);
    return rows[0] ?? { rows: 0, sum: null };
}

function requireSame({ table }: ListedPart, put: Sum, kept: Sum): void {
    if (put.rows === kept.rows && put.sum === kept.sum) return;
    throw new Mismatch(
        `what would be in ${table} is not what was archived: ${put.rows} rows with checksum ${put.sum}, archived ${kept.rows} with ${kept.sum}`,
    );
}

/** Types of which equal values are written alike: not so `numeric`, for which 1.0 is 1.00. */
const exactTypes = [
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "uuid",
    "date",
    "timestamp",
    "timestamptz",
    "text",
    "bytea",
];

/** What was kept as text becomes a value of the column's type again. */
async function readColumns(
    client: pg.Client,
    { table, columns, key }: ListedPart,
    archive: string,
): Promise<Pick<Place, "values" | "sumOf">> {
    const { rows } = await client.query<{ name: string; type: string; hashed: boolean }>(
        `select quote_ident(t.attname) as name, format_type(t.atttypid, t.atttypmod) as type,
                a.atttypid is not null and t.attcollation < 16384 as hashed
         from pg_catalog.pg_attribute as t
         left join pg_catalog.pg_attribute as a
             on a.attrelid = $2::regclass and a.attname = t.attname and a.atttypid = t.atttypid and t.atttypid = any ($3::regtype[])
         where t.attrelid = $1::regclass and t.attnum > 0 and not t.attisdropped`,
        [table, archive, exactTypes],
    );
    const types = new Map(rows.map(({ name, type }) => [name, type]));
    // Of the others only the text tells all values apart.
    const hashed = new Set(rows.filter(row => row.hashed).map(({ name }) => name));
    return {
        // A column that is not there any more is named by PostgreSQL when the row is put back.
        values: new Map(
            [...key, ...columns].map(name => [name, types.has(name) ? `a.${name}::${types.get(name)}` : `a.${name}`]),
        ),
        // A sum over the hashes of the rows does not depend on their order.
        sumOf: alias => {
            const all = columns.map(name => `${alias}.${name}${hashed.has(name) ? "" : "::text"}`).join(", ");
            return `count(*)::float8 as rows, sum(hash_record_extended(row(${all}), 0))::text as sum`;
        },
    };
}

/** A foreign key: conditions on `%`, which stands for a row of the archive. */
interface Reference {
    readonly itself: boolean;
    /** It points at nothing. */
    readonly unset: string;
    /** What it points at is in the database. */
    readonly there: string;
    /** What it points at is `p`, another row of the archive. */
    readonly kept: string;
}

/** Condition on `a`: what its foreign keys point at is there. */
async function ownersThere(client: pg.Client, { table, columns, kind }: ListedPart, archive: string): Promise<string> {
    const { rows } = await client.query<Reference>(
        `select c.confrelid = c.conrelid and $3 as itself,
                string_agg(format('%%.%I is null', own.attname), ' or ') as unset,
                format(
                    'exists (select from %s as o where %s)', c.confrelid::regclass,
                    string_agg(format('o.%I = %%.%I::%s', other.attname, own.attname, format_type(own.atttypid, own.atttypmod)), ' and ')
                ) as there,
                string_agg(format('p.%I = %%.%I', other.attname, own.attname), ' and ') as kept
         from pg_catalog.pg_constraint as c
         cross join lateral unnest(c.conkey, c.confkey) as k (own, other)
         join pg_catalog.pg_attribute as own on own.attrelid = c.conrelid and own.attnum = k.own
         join pg_catalog.pg_attribute as other on other.attrelid = c.confrelid and other.attnum = k.other
         where c.contype = 'f' and c.conrelid = $1::regclass and c.conparentid = 0
         group by c.oid, c.conrelid, c.confrelid
         having bool_and(quote_ident(own.attname) = any ($2))`,
        [table, columns, kind !== "columns"],
    );
    const of = (alias: string, text: string) => text.replaceAll("%.", `${alias}.`);
    const others = rows.filter(({ itself }) => !itself);
    const fitting = others.map(({ unset, there }) => of("a", `(${unset} or ${there})`)).join(" and ") || "true";
    const itself = rows.filter(row => row.itself);
    if (itself.length === 0) return fitting;

    // A row that points into its own table comes back together with that row or, where that one stays, stays as well.
    const lacks = itself.map(({ unset, there, kept }) =>
        of("a", `not (${unset}) and not ${there} and not exists (select from ${archive} as p where ${kept})`),
    );
    const follows = itself.map(({ there, kept }) => of("a", `${kept} and not ${there}`));
    await client.query(
        `create temporary table simulation_db_orphan on commit drop as
         with recursive p as (
             select a.ctid as simulation_db_place, a.* from ${archive} as a where not (${fitting}) or ${lacks.join(" or ")}
             union
             select a.ctid, a.* from p inner join ${archive} as a on ${follows.map(text => `(${text})`).join(" or ")}
         )
         select simulation_db_place as place from p`,
    );
    return "a.ctid not in (select place from simulation_db_orphan)";
}

/** The values come back as they were: no trigger or rule of the table may touch them, nor its rule that they are generated. */
async function withoutTriggers<T>(
    client: pg.Client,
    { table, kind, columns }: ListedPart,
    work: () => Promise<T>,
): Promise<T> {
    const { rows } = await client.query<{ off: string; on: string }>(
        `with relation as (
             select $1::regclass as oid union select relid from pg_partition_tree($1::regclass)
         ),
         fires (what, name, oid, state) as (
             select 'trigger', t.tgname, r.oid, t.tgenabled
             from relation as r inner join pg_catalog.pg_trigger as t on t.tgrelid = r.oid
             where not t.tgisinternal and t.tgenabled in ('O', 'A')
             union all
             select 'rule', u.rulename, r.oid, u.ev_enabled
             from relation as r inner join pg_catalog.pg_rewrite as u on u.ev_class = r.oid where u.ev_enabled in ('O', 'A')
         )
         select format('alter table only %s disable %s %I', oid::regclass, what, name) as off,
                format('alter table only %s enable %s %s %I', oid::regclass, case state when 'A' then 'always' else '' end, what, name) as on
         from fires
         union all
         select format('alter table %s alter column %I set generated by default', attrelid::regclass, attname),
                format('alter table %s alter column %I set generated always', attrelid::regclass, attname)
         from pg_catalog.pg_attribute
         where attrelid = $1::regclass and attidentity = 'a' and $2 and quote_ident(attname) = any ($3)`,
        [table, kind === "columns", columns],
    );
    for (const { off } of rows) await client.query(off);
    const result = await work();
    for (const { on } of rows) await client.query(on);
    return result;
}

/** A sequence goes on where it stood, so that it never gives out a number that came back; it never goes back. */
async function setSequences(client: pg.Client, { table, columns, sequences }: ListedPart): Promise<void> {
    const { rows } = await client.query<{ column: string; sequence: string; ascending: boolean }>(columnSequences, [
        table,
        columns,
    ]);
    for (const { column, sequence, ascending } of rows) {
        const position = sequences.find(each => each.column === column);
        if (!position) continue;
        await client.query(
            `select setval($1::regclass, $2::bigint, $3) from ${sequence}
             where $2::bigint ${ascending ? ">" : "<"} last_value or $2::bigint = last_value and $3 and not is_called`,
            [sequence, position.last, position.called],
        );
    }
}

function pair(names: readonly string[], of: string): string {
    return names.map(name => `${of}.${name}`).join(", ");
}
