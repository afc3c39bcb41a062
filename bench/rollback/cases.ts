import type pg from "pg";
import type { Migration } from "../../runner/migration/migration.ts";

/** A migration whose down takes rows away, and what they are. */
export interface RowCase {
    readonly what: string;
    /** What is there before the migration. SQL. */
    readonly before: string;
    readonly migration: Migration;
    /** Makes $1 rows, once it is applied. SQL. */
    readonly fill: string;
    /** What down takes away. SQL. */
    readonly kept: string;
    /** What PostgreSQL itself takes to write them again, from a copy in `public.copy`, after {@link migration}'s up. SQL. */
    readonly written: string;
}

const verify = "select 1;\n";

export const rowCases: readonly RowCase[] = [
    {
        what: "a table",
        before: "select",
        migration: {
            version: "0001",
            slug: "samples",
            up: `-- Makes public.samples.
create table public.samples (
    id    bigint primary key,
    run   uuid not null,
    value double precision,
    note  text
);
`,
            down: "-- All samples are lost.\ndrop table public.samples;\n",
            verify,
        },
        fill: "insert into public.samples select n, gen_random_uuid(), n / 7.0, 'sample ' || n from generate_series(1, $1::integer) as n",
        kept: "select * from public.samples",
        written: "insert into public.samples select * from public.copy",
    },
    {
        what: "two columns of a table that stays",
        before: "create table public.samples (id bigint primary key, run uuid not null default gen_random_uuid())",
        migration: {
            version: "0001",
            slug: "samples_value",
            up: "-- Gives samples a value.\nalter table public.samples add column value double precision, add column note text;\n",
            down: "-- All values are lost.\nalter table public.samples drop column value, drop column note;\n",
            verify,
        },
        fill: "insert into public.samples (id, value, note) select n, n / 7.0, 'sample ' || n from generate_series(1, $1::integer) as n",
        kept: "select id, value, note from public.samples",
        written:
            "update public.samples as s set value = f.value, note = f.note from public.copy as f where s.id = f.id",
    },
];

/** Number and checksum of what down takes away. */
export async function keptRows(client: pg.Client, { kept }: RowCase): Promise<string> {
    const { rows } = await client.query<{ sum: string }>(
        `select count(*) || ' ' || sum(hashtext(each::text)) as sum from (${kept}) as each`,
    );
    return rows[0]?.sum ?? "";
}
