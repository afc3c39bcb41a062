import assert from "node:assert/strict";
import type pg from "pg";
import type { Trio } from "../support/sqlProject.ts";

/** What was there before the first migration, and what its users do. Every effect leaves a row that counts. */
export const world = `
    create table public.log (id bigint generated always as identity primary key, what text not null);
    create table public.items (id bigint primary key, kind text not null, size integer not null);
    insert into public.items select n, 'kind ' || n % 5, n from generate_series(1, 40) as n;
    create index items_old on public.items (size);
    create function public.written() returns bigint language sql as 'select count(*) from public.log'`;

const note = (text: string) => `do $$ begin raise notice '${text}'; end $$;`;

/** Three migrations: in a transaction, without one, and in one again, by the names of their folders. */
export const plan: Readonly<Record<string, Trio>> = {
    "0001_notes": {
        up: [
            "insert into public.log (what) values ('up 0001');",
            note("logged"),
            "alter table public.items add column note text, add constraint items_size_known check (size > 0) not valid;",
            note("column added"),
            "create table public.notes (id bigint generated always as identity primary key, item_id bigint references public.items (id), text text not null);",
            "alter table public.notes enable row level security;",
            "create policy notes_read on public.notes for select to authenticated using (true);",
            note("table made"),
            "create or replace function public.written() returns bigint language sql as 'select count(*) + 1 from public.log';",
        ].join("\n"),
        down: [
            "insert into public.log (what) values ('down 0001');",
            note("logged"),
            "create or replace function public.written() returns bigint language sql as 'select count(*) from public.log';",
            "drop table public.notes;",
            note("table dropped"),
            "alter table public.items drop constraint items_size_known, drop column note;",
        ].join("\n"),
        verify: "select note from public.items limit 0;\nselect id, item_id, text from public.notes limit 0;",
    },
    "0002_indexes": {
        up: [
            "-- transaction: none",
            "create index concurrently items_kind on public.items (kind);",
            "alter table public.items validate constraint items_size_known;",
            "drop index concurrently public.items_old;",
            "create unique index concurrently items_both on public.items (kind, id);",
        ].join("\n"),
        down: [
            "-- not-restored: constraint items_size_known on public.items",
            "drop index concurrently public.items_both;",
            "create index concurrently items_old on public.items (size);",
            "drop index concurrently public.items_kind;",
        ].join("\n"),
        verify: "select 1 / (count(*) = 2)::int from pg_indexes where indexname in ('items_kind', 'items_both');",
    },
    "0003_renamed": {
        up: "insert into public.log (what) values ('up 0003');\nalter table public.items rename column kind to sort;",
        down: "insert into public.log (what) values ('down 0003');\nalter table public.items rename column sort to kind;",
        verify: "select sort from public.items limit 0;",
    },
};

/** What a database must look like, whatever was killed on the way there. */
export class Expectation {
    /** How often each thing was done, `up 0001` for example: as often must it be in the history and in the log. */
    readonly #done = new Map<string, number>();
    /** By key: the notes on items, and the rows of public.notes. */
    readonly #onItems = new Map<number, string>();
    readonly #notes: [id: number, text: string][] = [];
    #applied: string[] = [];

    /** What was done since, as the history has it. */
    did(entries: readonly string[]): void {
        for (const entry of entries) {
            this.#done.set(entry, (this.#done.get(entry) ?? 0) + 1);
            const [action, version = ""] = entry.split(" ");
            if (action === "record") continue;
            this.#applied = this.#applied.filter(each => each !== version);
            if (action === "up") this.#applied.push(version);
        }
    }

    /** What users do while 0001 is applied: these values must be there whenever it is. */
    async write(client: pg.Client): Promise<void> {
        if (!this.#applied.includes("0001")) return;
        const nth = this.#notes.length + 1;
        const item = (nth % 40) + 1;
        const text = `written ${nth}`;
        await client.query("update public.items set note = $2 where id = $1", [item, text]);
        const { rows } = await client.query<{ id: number }>(
            "insert into public.notes (item_id, text) values ($1, $2) returning id::int",
            [item, text],
        );
        this.#onItems.set(item, text);
        this.#notes.push([rows[0]?.id ?? 0, text]);
    }

    /** Compares all of it. @param when named in a failure */
    async check(client: pg.Client, when: string): Promise<void> {
        const has = (version: string) => this.#applied.includes(version);
        const kept =
            has("0001") || this.#notes.length === 0
                ? {}
                : { "public.items": this.#onItems.size, "public.notes": this.#notes.length };
        const { rows } = await client.query<{ found: Record<string, unknown> }>(look(has));
        const count = (only: RegExp) =>
            Object.fromEntries([...this.#done].filter(([what]) => only.test(what)).toSorted());
        assert.deepEqual(
            rows[0]?.found,
            {
                applied: this.#applied,
                mirrored: this.#applied,
                withUndo: this.#applied.length,
                history: count(/./),
                log: count(/^(up|down) 000[13]$/),
                unfinished: 0,
                items: Array.from({ length: 40 }, (_, index) => [
                    index + 1,
                    `kind ${(index + 1) % 5}`,
                    has("0001") ? (this.#onItems.get(index + 1) ?? null) : null,
                ]),
                notes: has("0001") ? this.#notes : null,
                // Either the rows are in their tables, or they are kept: never both.
                kept,
                notRegistered: 0,
                indexes: [...(has("0002") ? ["items_both", "items_kind"] : ["items_old"]), "items_pkey"],
                // Once validated it stays so, until its migration takes it away.
                notValidated: has("0002") ? 0 : "any",
            },
            when,
        );
    }
}

/** All that counts, in one row. */
function look(has: (version: string) => boolean): string {
    const counted = (what: string, from: string) =>
        `(select coalesce(jsonb_object_agg(what, n), '{}') from (select ${what} as what, count(*) as n from ${from} group by 1) as c)`;
    return `select jsonb_build_object(
        'applied', (select coalesce(jsonb_agg(version order by version), '[]') from simulation_db.migration),
        'mirrored', (select coalesce(jsonb_agg(version order by version), '[]') from supabase_migrations.schema_migrations),
        'withUndo', (select count(undo) from simulation_db.migration),
        'history', ${counted("action || ' ' || version", "simulation_db.history")},
        'log', ${counted("what", "public.log")},
        'unfinished', (select count(*) from simulation_db.unfinished),
        'items', (select jsonb_agg(jsonb_build_array(id, ${has("0003") ? "sort" : "kind"}, ${has("0001") ? "note" : "null"}) order by id) from public.items),
        'notes', ${has("0001") ? "(select coalesce(jsonb_agg(jsonb_build_array(id, text) order by id), '[]') from public.notes)" : "null"},
        'kept', (select coalesce(jsonb_object_agg(source, rows), '{}') from (select source, sum(rows) as rows from simulation_db.archive where rows > 0 group by 1) as k),
        'indexes', (
            select jsonb_agg(c.relname || case when i.indisvalid and i.indisready and i.indislive then '' else ' INVALID' end order by c.relname collate "C")
            from pg_index as i inner join pg_class as c on c.oid = i.indexrelid where i.indrelid = 'public.items'::regclass
        ),
        'notValidated', ${has("0002") ? "(select count(*) from pg_constraint where conrelid = 'public.items'::regclass and not convalidated)" : "'any'"},
        'notRegistered', (
            select count(*) from pg_class as c where relnamespace = 'simulation_db_archive'::regnamespace and relkind = 'r'
                and not exists (select from simulation_db.archive as a where a.archive = c.relname)
        )
    ) as found`;
}
