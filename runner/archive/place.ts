import type pg from "pg";
import { Mismatch } from "./refusal.ts";
import { archivedIn, type ListedPart } from "./registry.ts";
import { rowsOf } from "./table.ts";

/** A part of the archive and the table that its rows go back to, as SQL. */
export interface Place {
    readonly archive: string;
    /** The table, and only its own rows. */
    readonly from: string;
    /** By column: the archived value as the table takes it. */
    readonly values: ReadonlyMap<string, string>;
    /** Number and checksum of rows, as a select list, of a table with this alias. */
    readonly sumOf: (alias: string) => string;
    /** Condition on `a`: what its foreign keys point at is there. */
    readonly fitting: string;
    /** A foreign key of the table points at the table itself. */
    readonly pointsAtItself: boolean;
}

/**
 * @returns how rows of a part go back to its table as it is now
 * @throws Error of PostgreSQL where there is no such table
 */
export async function readPlace(client: pg.Client, part: ListedPart): Promise<Place> {
    const archive = archivedIn(part);
    return {
        archive,
        from: await rowsOf(client, part.table),
        ...(await readColumns(client, part, archive)),
        ...(await ownersThere(client, part, archive)),
    };
}

/** Number and checksum of rows. */
export interface Sum {
    readonly rows: number;
    readonly sum: string | null;
}

/** Runs a query that selects one {@link Sum}. */
export async function sum(client: pg.Client, query: string): Promise<Sum> {
    const { rows } = await client.query<Sum>(query);
    return rows[0] ?? { rows: 0, sum: null };
}

/** @throws Mismatch */
export function requireSame({ table }: ListedPart, put: Sum, kept: Sum): void {
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

/** What its foreign keys point at is there, or was when this looked. */
async function ownersThere(
    client: pg.Client,
    { table, columns, kind }: ListedPart,
    archive: string,
): Promise<Pick<Place, "fitting" | "pointsAtItself">> {
    const { rows } = await client.query<Reference>(
        `select c.confrelid = c.conrelid and $3 as itself,
                string_agg(format('%%.%I is null', own.attname), ' or ') as unset,
                format(
                    'exists (select from %s as o where %s%s)', c.confrelid::regclass,
                    string_agg(format('o.%I = %%.%I::%s', other.attname, own.attname, format_type(own.atttypid, own.atttypmod)), ' and '),
                    -- Few rows at a time: each is looked for by the index, and not all owners are read for a hash.
                    case when not $3 then ' offset 0' end
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
    const pointsAtItself = itself.length > 0;
    // Few at a time, in one statement.
    if (kind === "columns" || rows.length === 0) return { fitting, pointsAtItself };

    // Whole rows take several statements, between which others may bring an owner: which rows do not fit is seen once.
    const lacks = itself.map(({ unset, there, kept }) =>
        of("a", `not (${unset}) and not ${there} and not exists (select from ${archive} as p where ${kept})`),
    );
    // A row that points into its own table comes back together with that row or, where that one stays, stays as well.
    const follows = itself.map(({ there, kept }) => of("a", `${kept} and not ${there}`));
    const followers = `
             union
             select a.ctid from orphan inner join ${archive} as p on p.ctid = orphan.place
             inner join ${archive} as a on ${follows.map(text => `(${text})`).join(" or ")}`;
    const { rowCount } = await client.query(
        `create temporary table simulation_db_orphan on commit drop as
         with recursive orphan (place) as (
             select a.ctid from ${archive} as a where ${[`not (${fitting})`, ...lacks].join(" or ")} ${pointsAtItself ? followers : ""}
         )
         select place from orphan`,
    );
    return {
        fitting: rowCount === 0 ? "true" : "a.ctid not in (select place from simulation_db_orphan)",
        pointsAtItself,
    };
}

/** All of them in one text, the same for a value and for its text, which is kept of types that may be dropped. */
export function line(names: readonly string[], of: string): string {
    return `row(${names.map(name => `${of}.${name}::text`).join(", ")})::text`;
}

/** Columns of a table with this alias, with commas between them. */
export function pair(names: readonly string[], of: string): string {
    return names.map(name => `${of}.${name}`).join(", ");
}
