/** A statement or a few of a random migration, with their way back. */
export interface Step {
    readonly up: string;
    readonly down: string;
    /** A way back that looks right and is not. */
    readonly wrong?: string;
}

/** Four random numbers decide what a step does, and to what. */
export type Seed = readonly [kind: number, object: number, part: number, variant: number];

/** What a random migration finds. Run by postgres, in a database of its own. */
export const emptyWorld = `
    create schema app;
    -- For functions that change hands: their new owner has to be able to make one.
    grant create on schema app to authenticated;
    create schema other;
    create publication app_changes;
    create function app.touch() returns trigger language plpgsql as 'begin return new; end';
    create function app.answer() returns integer language sql immutable return 42;
    create sequence app.counter;
    create type app.mood as enum ('sad', 'ok');
    create table app.first (
        id bigint constraint first_key primary key,
        size integer not null default 1,
        name text constraint first_name check (name <> ''),
        note text
    );
    create index first_size on app.first (size);
    alter table app.first enable row level security;
    create policy first_read on app.first for select to authenticated using (size >= 1);
    create trigger first_touch before update on app.first for each row execute function app.touch();
    create view app.sizes as select id as id, size as size from app.first;
    grant select on app.first to authenticated;
    comment on table app.first is 'The first.';
    comment on column app.first.size is 'In metres.';
    comment on column app.first.note is 'Free text.';
    grant select (note) on app.first to anon;
    comment on constraint first_name on app.first is 'Not empty.';
    comment on index app.first_size is 'For lists.';
    comment on policy first_read on app.first is 'All but the small.';
    comment on trigger first_touch on app.first is 'Does nothing.';
    comment on view app.sizes is 'All sizes.';
    comment on type app.mood is 'Of people.';
    create table app.second (id bigint constraint second_key primary key, first_id bigint, "Odd Name" text);
    comment on function app.answer() is 'To everything.';`;

/** What removes it, whatever became of it. */
export const noWorld = "drop schema if exists app, other cascade; drop publication if exists app_changes";

/** Statements that change what was there before any migration, with the catalog's name for what they hit. */
export const damages: readonly (readonly [sql: string, aspect: string])[] = [
    ["drop index app.first_size", "index app.first_size"],
    ["drop policy first_read on app.first", "policy first_read on app.first"],
    ["drop trigger first_touch on app.first", "trigger first_touch on app.first"],
    ["drop view app.sizes", "view app.sizes"],
    ["drop function app.answer()", "function app.answer()"],
    ["drop sequence app.counter", "sequence app.counter"],
    ["drop type app.mood", "type app.mood"],
    ["drop table app.second", "table app.second"],
    ["alter table app.first drop column note", "column app.first.note"],
    ["alter table app.first drop constraint first_name", "constraint first_name on app.first"],
    [
        "alter table app.first drop column name; alter table app.first add column name text constraint first_name check (name <> ''); comment on constraint first_name on app.first is 'Not empty.'",
        "column order of app.first",
    ],
    ["alter table app.first alter note set storage external", "storage of column app.first.note"],
    ["alter table app.first alter note set statistics 7", "storage of column app.first.note"],
    ["alter table app.first alter note set compression pglz", "storage of column app.first.note"],
    ["alter table app.first set (fillfactor = 47)", "options of table app.first"],
    ["alter table app.first set (toast.autovacuum_enabled = off)", "toast options of app.first"],
    ["alter table app.first cluster on first_size", "index app.first_size"],
    ["create statistics app.more on id, size from app.first", "statistics app.more"],
    ["alter function app.answer() owner to authenticated", "function app.answer()"],
    ["grant select on app.first to authenticated with grant option", "grants on table app.first to authenticated"],
    ["alter table app.first alter note type varchar(99)", "column app.first.note"],
    ["alter publication app_changes set (publish = 'insert')", "publication app_changes"],
    ["alter table app.first disable row level security", "row level security of app.first"],
    ["alter table app.first alter size drop default", "default of column app.first.size"],
    ["alter table app.first rename column note to notes", "column app.first.note"],
    ["revoke select on app.first from authenticated", "grants on table app.first to authenticated"],
    ["grant select on app.first to anon", "grants on table app.first to anon"],
    ["comment on table app.first is null", "comment on table app.first"],
    ["comment on function app.answer() is 'Of nothing.'", "comment on function app.answer()"],
    ["create table app.intruder (id bigint)", "table app.intruder"],
    ["alter type app.mood rename value 'ok' to 'fine'", "type app.mood"],
    ["alter publication app_changes add table app.first", "publication app_changes of app.first"],
    ["alter default privileges in schema app grant select on tables to anon", "default privileges of postgres in app"],
];

interface Named {
    name: string;
    comment?: string | undefined;
}
interface Column extends Named {
    type: string;
    default?: string | undefined;
    notNull: boolean;
    readonly grants: Set<string>;
    statistics?: number | undefined;
    storage?: string;
    compressed?: boolean;
    /** A generated column is made of this one; it and an identity column are never dropped and made again. */
    readonly from?: Column;
}
/** Whatever is made by `create … on app.table …` or `alter table … add constraint`. */
interface Part extends Named {
    /** What follows the name, with the names of now. */
    readonly text: () => string;
    readonly uses: readonly Column[];
    /** `not valid`, or switched off. */
    off?: boolean;
}
interface Table extends Named {
    readonly columns: Column[];
    readonly constraints: Part[];
    readonly indexes: Part[];
    readonly policies: Part[];
    readonly triggers: Part[];
    readonly statistics: Part[];
    readonly grants: Set<string>;
    protected: boolean;
    forced: boolean;
    published: boolean;
    fillfactor?: number | undefined;
    /** Foreign keys and views keep a table from being dropped. */
    pins: number;
}
interface Routine extends Named {
    body: number;
    stable: boolean;
    granted: boolean;
    owner: "postgres" | "authenticated";
}
interface View extends Named {
    readonly of: Table;
    readonly columns: readonly (readonly [column: Column, alias: string])[];
    granted: boolean;
}

/** Builds a migration step by step and knows at each what is there, so that each way back is right. */
export class RandomMigration {
    readonly steps: readonly Step[];
    readonly #tables: Table[];
    readonly #routines: Routine[] = [
        { name: "answer", body: 42, stable: false, granted: false, owner: "postgres", comment: "To everything." },
    ];
    readonly #views: View[] = [];
    readonly #sequences: (Named & { step: number })[] = [{ name: "counter", step: 1 }];
    readonly #types: Named[] = [{ name: "mood" }];
    #made = 0;

    constructor(seeds: readonly Seed[]) {
        const first = table("first", [
            column("id", "bigint", { notNull: true }),
            column("size", "integer", { notNull: true, default: "1", comment: "In metres." }),
            column("name", "text"),
            column("note", "text", { comment: "Free text.", grants: new Set(["select"]) }),
        ]);
        const [id, size, name] = first.columns as [Column, Column, Column];
        first.constraints.push(
            { name: "first_key", text: () => `primary key (${id.name})`, uses: [id] },
            { name: "first_name", text: () => `check (${name.name} <> '')`, uses: [name], comment: "Not empty." },
        );
        first.indexes.push({ name: "first_size", text: () => `(${size.name})`, uses: [size], comment: "For lists." });
        first.policies.push({
            name: "first_read",
            text: () => `for select to authenticated using (${size.name} >= 1)`,
            uses: [size],
            comment: "All but the small.",
        });
        first.triggers.push({ name: "first_touch", text: () => "before update", uses: [], comment: "Does nothing." });
        first.grants.add("select to authenticated");
        first.comment = "The first.";
        first.protected = true;
        first.pins = 1;
        this.#views.push({
            name: "sizes",
            of: first,
            columns: [
                [id, "id"],
                [size, "size"],
            ],
            granted: false,
            comment: "All sizes.",
        });
        const second = table("second", [
            column("id", "bigint", { notNull: true }),
            column("first_id", "bigint"),
            column('"Odd Name"', "text"),
        ]);
        const key = second.columns[0] as Column;
        second.constraints.push({ name: "second_key", text: () => `primary key (${key.name})`, uses: [key] });
        this.#tables = [first, second];
        this.steps = seeds.flatMap(seed => this.#step(seed) ?? []);
    }

    get up(): string {
        return this.steps.map(({ up }) => `${up};\n`).join("") || "select 1;\n";
    }

    /** The right way back, one entry per step. */
    get down(): string[] {
        return this.steps.map(({ down }) => down).reverse();
    }

    #step([kind, object, part, variant]: Seed): Step | undefined {
        const act = this.#acts[kind % this.#acts.length];
        return act?.(object, part, variant);
    }

    #fresh(prefix: string): string {
        this.#made += 1;
        return this.#made % 4 === 0 ? `"${prefix} No. ${this.#made}"` : `${prefix}_${this.#made}`;
    }

    readonly #acts: readonly ((object: number, part: number, variant: number) => Step | undefined)[] = [
        // Tables
        () => {
            const made = table(this.#fresh("table"), [
                column("id", "bigint", { notNull: true }),
                column("size", "integer"),
            ]);
            const key = made.columns[0] as Column;
            made.constraints.push({ name: this.#fresh("key"), text: () => `primary key (${key.name})`, uses: [key] });
            this.#tables.push(made);
            return { up: makeTable(made), down: `drop table app.${made.name}` };
        },
        object => {
            const it = choose(this.#tables, object);
            const old = it.name;
            it.name = this.#fresh("table");
            return {
                up: `alter table app.${old} rename to ${it.name}`,
                down: `alter table app.${it.name} rename to ${old}`,
                wrong: `alter table app.${it.name} rename to ${old.replace(/"?$/, "s$&")}`,
            };
        },
        object => {
            const it = choose(
                this.#tables.filter(({ pins }) => pins === 0),
                object,
            );
            if (!it || this.#tables.length === 1) return undefined;
            this.#tables.splice(this.#tables.indexOf(it), 1);
            return { up: `drop table app.${it.name}`, down: makeTable(it) };
        },
        object => {
            const it = choose(this.#tables, object);
            const old = it.protected;
            it.protected = !old;
            return { up: rowLevelSecurity(it), down: rowLevelSecurity({ ...it, protected: old }) };
        },
        object => {
            const it = choose(this.#tables, object);
            it.forced = !it.forced;
            const [on, off] = [
                `alter table app.${it.name} force row level security`,
                `alter table app.${it.name} no force row level security`,
            ];
            return it.forced ? { up: on, down: off } : { up: off, down: on };
        },
        (object, _part, variant) => {
            const it = choose(this.#tables, object);
            const old = it.fillfactor;
            it.fillfactor = 50 + (variant % 50);
            if (it.fillfactor === old) it.fillfactor = 49;
            return {
                up: fillfactor(it),
                down: fillfactor({ ...it, fillfactor: old }),
                wrong: fillfactor({ ...it, fillfactor: 48 }),
            };
        },
        object => {
            const it = choose(this.#tables, object);
            it.published = !it.published;
            const [add, drop] = [
                `alter publication app_changes add table app.${it.name}`,
                `alter publication app_changes drop table app.${it.name}`,
            ];
            return it.published ? { up: add, down: drop } : { up: drop, down: add };
        },

        // Columns
        (object, _part, variant) => {
            const it = choose(this.#tables, object);
            const type =
                ["integer", "text", "jsonb", "timestamptz", "integer[]", "numeric(8,2)"][variant % 6] ?? "text";
            const more = column(this.#fresh("column"), type);
            it.columns.push(more);
            return {
                up: `alter table app.${it.name} add column ${more.name} ${type}`,
                down: `alter table app.${it.name} drop column ${more.name}`,
            };
        },
        object => {
            const it = choose(this.#tables, object);
            const last = it.columns.at(-1);
            if (!last || it.columns.length < 2 || this.#uses(it, last)) return undefined;
            it.columns.pop();
            return {
                up: `alter table app.${it.name} drop column ${last.name}`,
                down: [`alter table app.${it.name} add column ${describeColumn(last)}`, ...afterColumn(it, last)].join(
                    "; ",
                ),
            };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.columns, part);
            const old = chosen.name;
            chosen.name = this.#fresh("column");
            return {
                up: `alter table app.${it.name} rename column ${old} to ${chosen.name}`,
                down: `alter table app.${it.name} rename column ${chosen.name} to ${old}`,
            };
        },
        (object, part, variant) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.columns, part);
            const value = (
                { integer: `${variant % 9}`, bigint: `${variant % 9}`, text: `'${variant % 9}'` } as Record<
                    string,
                    string
                >
            )[chosen.type];
            if (value === undefined || value === chosen.default) return undefined;
            const old = chosen.default;
            chosen.default = value;
            const set = (to: string | undefined) =>
                `alter table app.${it.name} alter ${chosen.name} ${to === undefined ? "drop default" : `set default ${to}`}`;
            return { up: set(value), down: set(old), wrong: set("null") };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(
                it.columns.slice(1).filter(({ type }) => !type.includes("generated")),
                part,
            );
            if (!chosen) return undefined;
            chosen.notNull = !chosen.notNull;
            const [set, drop] = ["set", "drop"].map(
                verb => `alter table app.${it.name} alter ${chosen.name} ${verb} not null`,
            ) as [string, string];
            return chosen.notNull ? { up: set, down: drop } : { up: drop, down: set };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(
                it.columns.filter(each => each.type === "integer" && !this.#uses(it, each)),
                part,
            );
            if (!chosen) return undefined;
            chosen.type = "bigint";
            const to = (type: string) => `alter table app.${it.name} alter ${chosen.name} type ${type}`;
            return { up: to("bigint"), down: to("integer"), wrong: to("smallint") };
        },
        (object, part, variant) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.columns, part);
            const old = chosen.statistics;
            chosen.statistics = 1 + (variant % 99);
            if (chosen.statistics === old) chosen.statistics = 101;
            const set = (to: number | undefined) =>
                `alter table app.${it.name} alter ${chosen.name} set statistics ${to ?? -1}`;
            return { up: set(chosen.statistics), down: set(old), wrong: set(102) };
        },
        (object, part, variant) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.columns.filter(isLong), part);
            if (!chosen) return undefined;
            const old = chosen.storage ?? "extended";
            const kinds = ["plain", "external", "main", "extended"].filter(kind => kind !== old);
            chosen.storage = kinds[variant % 3] ?? "plain";
            const set = (to: string) => `alter table app.${it.name} alter ${chosen.name} set storage ${to}`;
            return { up: set(chosen.storage), down: set(old), wrong: set(kinds[(variant + 1) % 3] ?? "plain") };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.columns.filter(isLong), part);
            if (!chosen) return undefined;
            chosen.compressed = chosen.compressed !== true;
            const [on, off] = ["pglz", "default"].map(
                to => `alter table app.${it.name} alter ${chosen.name} set compression ${to}`,
            ) as [string, string];
            return chosen.compressed ? { up: on, down: off } : { up: off, down: on };
        },
        (object, _part, variant) => {
            const it = choose(this.#tables, object);
            const from = it.columns.find(({ type }) => type === "integer");
            if (variant % 2 === 0 && !from) return undefined;
            const type =
                variant % 2 === 0
                    ? `integer generated always as (${from?.name} * 2) stored`
                    : `bigint generated ${variant % 4 === 1 ? "always" : "by default"} as identity`;
            const more = column(this.#fresh("column"), type, { from: from ?? (it.columns[0] as Column) });
            it.columns.push(more);
            it.pins += 1;
            return {
                up: `alter table app.${it.name} add column ${more.name} ${type}`,
                down: `alter table app.${it.name} drop column ${more.name}`,
            };
        },

        // Constraints
        (object, part, variant) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.columns, part);
            const texts = [() => `check (${chosen.name} is not null)`, () => `unique (${chosen.name})`];
            const text = chosen.type === "jsonb" ? texts[0] : texts[variant % 2];
            if (!text) return undefined;
            const more: Part = {
                name: this.#fresh("rule"),
                text,
                uses: [chosen],
                off: text === texts[0] && variant % 3 === 0,
            };
            it.constraints.push(more);
            return {
                up: constraint(it, more),
                down: `alter table app.${it.name} drop constraint ${more.name}`,
            };
        },
        (object, _part, variant) => {
            const from = choose(
                this.#tables.filter(({ columns }) => columns[1]?.type === "bigint"),
                object,
            );
            const to = choose(this.#tables, variant);
            const [key, target] = [from?.columns[1], to.columns[0]];
            if (!from || !key || !target) return undefined;
            const more: Part = {
                name: this.#fresh("link"),
                text: () => `foreign key (${key.name}) references app.${to.name} (${target.name}) on delete cascade`,
                uses: [key],
            };
            from.constraints.push(more);
            // For the sake of simplicity neither can go any more.
            from.pins += 1;
            to.pins += 1;
            return { up: constraint(from, more), down: `alter table app.${from.name} drop constraint ${more.name}` };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(
                it.constraints.slice(1).filter(({ text }) => !text().startsWith("foreign")),
                part,
            );
            if (!chosen) return undefined;
            it.constraints.splice(it.constraints.indexOf(chosen), 1);
            return { up: `alter table app.${it.name} drop constraint ${chosen.name}`, down: constraint(it, chosen) };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(
                it.constraints.filter(({ off }) => off),
                part,
            );
            if (!chosen) return undefined;
            const down = `alter table app.${it.name} drop constraint ${chosen.name}; ${constraint(it, chosen)}`;
            chosen.off = false;
            return { up: `alter table app.${it.name} validate constraint ${chosen.name}`, down };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.constraints, part);
            return rename(
                chosen,
                this.#fresh("rule"),
                (from, to) => `alter table app.${it.name} rename constraint ${from} to ${to}`,
            );
        },

        // Indexes
        (object, part, variant) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.columns, part);
            const texts = [
                () => `(${chosen.name})`,
                () => `(${chosen.name}) where ${chosen.name} is not null`,
                () => `((${chosen.name} is null))`,
                () => `(${chosen.name} desc nulls last)`,
            ];
            const more: Part = { name: this.#fresh("index"), text: texts[variant % 4] ?? (() => ""), uses: [chosen] };
            it.indexes.push(more);
            return { up: index(it, more), down: `drop index app.${more.name}` };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.indexes, part);
            if (!chosen) return undefined;
            it.indexes.splice(it.indexes.indexOf(chosen), 1);
            const wrong = `create index ${chosen.name} on app.${it.name} (${it.columns[0]?.name}) with (fillfactor = 77)`;
            return { up: `drop index app.${chosen.name}`, down: index(it, chosen), wrong };
        },
        (object, part) => {
            const chosen = choose(choose(this.#tables, object).indexes, part);
            return (
                chosen && rename(chosen, this.#fresh("index"), (from, to) => `alter index app.${from} rename to ${to}`)
            );
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const [one, other] = [choose(it.columns, part), choose(it.columns, part + 1)];
            if (one === other || [one, other].some(({ type }) => type === "jsonb")) return undefined;
            const more: Part = {
                name: this.#fresh("statistics"),
                text: () => `${one.name}, ${other.name}`,
                uses: [one, other],
            };
            it.statistics.push(more);
            return { up: statistics(it, more), down: `drop statistics app.${more.name}` };
        },

        // Policies
        (object, part, variant) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.columns, part);
            const command = [
                "for select to authenticated",
                "for delete to anon",
                "to public",
                "as restrictive to service_role",
            ][variant % 4];
            // `as` comes before `to`, and the condition last: text says both.
            const more: Part = {
                name: this.#fresh("policy"),
                text: () => `${command} using (${chosen.name} is not null)`,
                uses: [chosen],
            };
            it.policies.push(more);
            return { up: policy(it, more), down: `drop policy ${more.name} on app.${it.name}` };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.policies, part);
            if (!chosen) return undefined;
            it.policies.splice(it.policies.indexOf(chosen), 1);
            const wrong = `create policy ${chosen.name} on app.${it.name} for select to authenticated using (true)`;
            return { up: `drop policy ${chosen.name} on app.${it.name}`, down: policy(it, chosen), wrong };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.policies, part);
            return (
                chosen &&
                rename(
                    chosen,
                    this.#fresh("policy"),
                    (from, to) => `alter policy ${from} on app.${it.name} rename to ${to}`,
                )
            );
        },

        // Triggers
        (object, _part, variant) => {
            const it = choose(this.#tables, object);
            const text = ["before update", "after insert", "after delete"][variant % 3] ?? "";
            const more: Part = { name: this.#fresh("trigger"), text: () => text, uses: [] };
            it.triggers.push(more);
            return { up: trigger(it, more), down: `drop trigger ${more.name} on app.${it.name}` };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.triggers, part);
            if (!chosen) return undefined;
            it.triggers.splice(it.triggers.indexOf(chosen), 1);
            return { up: `drop trigger ${chosen.name} on app.${it.name}`, down: trigger(it, chosen) };
        },
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.triggers, part);
            if (!chosen) return undefined;
            chosen.off = chosen.off !== true;
            const [on, off] = ["enable", "disable"].map(
                verb => `alter table app.${it.name} ${verb} trigger ${chosen.name}`,
            ) as [string, string];
            return {
                up: chosen.off ? off : on,
                down: chosen.off ? on : off,
                wrong: `alter table app.${it.name} enable always trigger ${chosen.name}`,
            };
        },

        // Privileges
        (object, _part, variant) => {
            const it = choose(this.#tables, object);
            const kind = ["select", "insert", "update", "delete"][variant % 4] ?? "";
            const who = ["anon", "authenticated", "service_role"][variant % 3];
            const privilege = `${kind} to ${who}`;
            const [give, take] = [grant(it, privilege), revoke(it, privilege)];
            // What is taken back on a table is taken back on its columns as well (documentation of REVOKE).
            const onColumns = who === "anon" ? it.columns.filter(({ grants }) => grants.has(kind)) : [];
            const again = onColumns.map(({ name }) => grant(it, `${kind} (${name}) to anon`));
            const [back, wrong] = it.grants.has(privilege) ? [give, give] : [take, take];
            if (it.grants.delete(privilege)) for (const { grants } of onColumns) grants.delete(kind);
            else it.grants.add(privilege);
            return {
                up: back === give ? take : give,
                down: [back, ...again].join("; "),
                ...(again.length > 0 ? { wrong } : {}),
            };
        },
        (object, part, variant) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.columns, part);
            const privilege = `${["select", "update"][variant % 2]} (${chosen.name}) to anon`;
            const kind = variant % 2 === 0 ? "select" : "update";
            const [give, take] = [grant(it, privilege), revoke(it, privilege)];
            // What is given on the table would hide, and take back, what is given on a column.
            if (it.grants.has(`${kind} to anon`)) return undefined;
            if (chosen.grants.delete(kind)) return { up: take, down: give };
            chosen.grants.add(kind);
            return { up: give, down: take };
        },
        (_object, _part, variant) => {
            const who = this.#fresh("dp") && ["anon", "authenticated", "service_role"][variant % 3];
            if (this.#defaults.has(variant % 3)) return undefined;
            this.#defaults.add(variant % 3);
            return {
                up: `alter default privileges in schema other grant select on tables to ${who}`,
                down: `alter default privileges in schema other revoke select on tables from ${who}`,
                wrong: `alter default privileges in schema other grant insert on tables to ${who}`,
            };
        },
        () => {
            const role = `app_role_${(this.#made += 1)}`;
            return { up: `create role ${role}; grant ${role} to anon`, down: `drop role ${role}` };
        },

        // Functions
        () => {
            const made: Routine = {
                name: this.#fresh("function"),
                body: 1,
                stable: false,
                granted: false,
                owner: "postgres",
            };
            this.#routines.push(made);
            return { up: routine(made, "create"), down: `drop function app.${made.name}()` };
        },
        object => {
            const it = choose(this.#routines, object);
            if (!it) return undefined;
            this.#routines.splice(this.#routines.indexOf(it), 1);
            return {
                up: `drop function app.${it.name}()`,
                down: routine(it, "create"),
                wrong: routine({ ...it, body: 99 }, "create"),
            };
        },
        (object, _part, variant) => {
            const it = choose(this.#routines, object);
            if (!it) return undefined;
            const old = { ...it };
            it.body = 100 + variant;
            return {
                up: routine(it, "create or replace"),
                down: routine(old, "create or replace"),
                wrong: routine({ ...old, body: 98 }, "create or replace"),
            };
        },
        object => {
            const it = choose(this.#routines, object);
            if (!it) return undefined;
            it.stable = !it.stable;
            const [stable, immutable] = ["stable", "immutable"].map(
                word => `alter function app.${it.name}() ${word}`,
            ) as [string, string];
            return {
                up: it.stable ? stable : immutable,
                down: it.stable ? immutable : stable,
                wrong: `alter function app.${it.name}() volatile`,
            };
        },
        object => {
            const it = choose(this.#routines, object);
            if (!it) return undefined;
            it.granted = !it.granted;
            const [give, take] = [
                `grant execute on function app.${it.name}() to anon`,
                `revoke execute on function app.${it.name}() from anon`,
            ];
            return { up: it.granted ? give : take, down: it.granted ? take : give };
        },
        object => {
            const it = choose(this.#routines, object);
            return (
                it && rename(it, this.#fresh("function"), (from, to) => `alter function app.${from}() rename to ${to}`)
            );
        },
        object => {
            const it = choose(this.#routines, object);
            if (!it) return undefined;
            const old = it.owner;
            it.owner = old === "postgres" ? "authenticated" : "postgres";
            const set = (to: string) => `alter function app.${it.name}() owner to ${to}`;
            return { up: set(it.owner), down: set(old) };
        },

        // Views, sequences, types
        (object, part) => {
            const it = choose(this.#tables, object);
            const chosen = choose(it.columns, part);
            const made: View = { name: this.#fresh("view"), of: it, columns: [[chosen, chosen.name]], granted: false };
            it.pins += 1;
            this.#views.push(made);
            return { up: view(made), down: `drop view app.${made.name}` };
        },
        object => {
            const it = choose(this.#views, object);
            if (!it) return undefined;
            this.#views.splice(this.#views.indexOf(it), 1);
            it.of.pins -= 1;
            return {
                up: `drop view app.${it.name}`,
                down: view(it),
                wrong: `create view app.${it.name} as select 1 as one`,
            };
        },
        object => {
            const it = choose(this.#views, object);
            return it && rename(it, this.#fresh("view"), (from, to) => `alter view app.${from} rename to ${to}`);
        },
        object => {
            const it = choose(this.#views, object);
            if (!it) return undefined;
            it.granted = !it.granted;
            const [give, take] = [
                `grant select on app.${it.name} to anon`,
                `revoke select on app.${it.name} from anon`,
            ];
            return { up: it.granted ? give : take, down: it.granted ? take : give };
        },
        () => {
            const made = { name: this.#fresh("sequence"), step: 1 };
            this.#sequences.push(made);
            return { up: `create sequence app.${made.name}`, down: `drop sequence app.${made.name}` };
        },
        (object, _part, variant) => {
            const it = choose(this.#sequences, object);
            if (!it) return undefined;
            const old = it.step;
            it.step = 2 + (variant % 50);
            const set = (step: number) => `alter sequence app.${it.name} increment ${step}`;
            return it.step === old ? undefined : { up: set(it.step), down: set(old), wrong: set(77) };
        },
        object => {
            const it = choose(this.#sequences, object);
            return (
                it && rename(it, this.#fresh("sequence"), (from, to) => `alter sequence app.${from} rename to ${to}`)
            );
        },
        object => {
            const it = choose(this.#sequences, object);
            if (!it) return undefined;
            this.#sequences.splice(this.#sequences.indexOf(it), 1);
            const make = (step: number) => `create sequence app.${it.name} increment ${step}`;
            const down = [make(it.step), ...(it.comment ? [comment(`sequence app.${it.name}`, it.comment)] : [])];
            return { up: `drop sequence app.${it.name}`, down: down.join("; "), wrong: make(78) };
        },
        (_object, _part, variant) => {
            const made = { name: this.#fresh("type") };
            this.#types.push(made);
            const kinds = ["as enum ('a', 'b')", "as (a integer, b text)", "as range (subtype = integer)"];
            return { up: `create type app.${made.name} ${kinds[variant % 3]}`, down: `drop type app.${made.name}` };
        },
        object => {
            const it = choose(this.#types, object);
            return rename(it, this.#fresh("type"), (from, to) => `alter type app.${from} rename to ${to}`);
        },

        // Comments
        ...Array.from({ length: 4 }, () => (object: number, part: number, variant: number) => {
            const [address, it] = this.#commentable(object, part, variant);
            if (!it) return undefined;
            const old = it.comment;
            it.comment = `Comment ${(this.#made += 1)}; with 'quotes'`;
            return { up: comment(address, it.comment), down: comment(address, old), wrong: comment(address, "wrong") };
        }),
    ];

    readonly #defaults = new Set<number>();

    #commentable(object: number, part: number, variant: number): readonly [address: string, it: Named | undefined] {
        const it = choose(this.#tables, object);
        const on = (kind: string, of: Part | undefined) => [`${kind} ${of?.name} on app.${it.name}`, of] as const;
        switch (variant % 9) {
            case 0:
                return [`table app.${it.name}`, it];
            case 1: {
                const chosen = choose(it.columns, part);
                return [`column app.${it.name}.${chosen.name}`, chosen];
            }
            case 2:
                return on("constraint", choose(it.constraints, part));
            case 3:
                return on("policy", choose(it.policies, part));
            case 4:
                return on("trigger", choose(it.triggers, part));
            case 5: {
                const chosen = choose(it.indexes, part);
                return [`index app.${chosen?.name}`, chosen];
            }
            case 6: {
                const chosen = choose(this.#routines, part);
                return [`function app.${chosen?.name}()`, chosen];
            }
            case 7: {
                const chosen = choose(this.#views, part);
                return [`view app.${chosen?.name}`, chosen];
            }
            default: {
                const chosen = choose(this.#sequences, part);
                return [`sequence app.${chosen?.name}`, chosen];
            }
        }
    }

    /** Whether something stands in the way of a column's end or of another type for it. */
    #uses(it: Table, of: Column): boolean {
        const parts = [...it.constraints, ...it.indexes, ...it.policies, ...it.statistics];
        return (
            of.from !== undefined ||
            it.columns.some(({ from }) => from === of) ||
            parts.some(({ uses }) => uses.includes(of)) ||
            this.#views.some(({ columns }) => columns.some(([used]) => used === of))
        );
    }
}

function choose<T>(from: readonly [T, ...T[]] | readonly T[], number: number): T {
    return from[number % Math.max(1, from.length)] as T;
}

function column(name: string, type: string, more: Partial<Column> = {}): Column {
    return { name, type, notNull: false, grants: new Set(), ...more };
}

/** Of a type whose long values may be compressed or kept elsewhere. */
function isLong({ type }: Column): boolean {
    return ["text", "jsonb", "integer[]"].includes(type);
}

function table(name: string, columns: Column[]): Table {
    return {
        name,
        columns,
        constraints: [],
        indexes: [],
        policies: [],
        triggers: [],
        statistics: [],
        grants: new Set(),
        protected: false,
        forced: false,
        published: false,
        pins: 0,
    };
}

function rename(it: Named, to: string, sql: (from: string, to: string) => string): Step {
    const from = it.name;
    it.name = to;
    return { up: sql(from, to), down: sql(to, from), wrong: sql(to, from.replace(/"?$/, "s$&")) };
}

/** A table with all that hangs on it, as it is now. */
function makeTable(it: Table): string {
    return [
        `create table app.${it.name} (${it.columns.map(describeColumn).join(", ")})`,
        ...it.columns.flatMap(each => afterColumn(it, each)),
        ...it.constraints.map(each => constraint(it, each)),
        ...it.indexes.map(each => index(it, each)),
        ...it.policies.map(each => policy(it, each)),
        ...it.triggers.map(each => trigger(it, each)),
        ...it.statistics.map(each => statistics(it, each)),
        ...[...it.grants].map(privilege => grant(it, privilege)),
        ...(it.protected ? [rowLevelSecurity(it)] : []),
        ...(it.forced ? [`alter table app.${it.name} force row level security`] : []),
        ...(it.published ? [`alter publication app_changes add table app.${it.name}`] : []),
        ...(it.fillfactor ? [fillfactor(it)] : []),
        ...(it.comment ? [comment(`table app.${it.name}`, it.comment)] : []),
    ].join("; ");
}

function describeColumn(it: Column): string {
    return `${it.name} ${it.type}${it.default === undefined ? "" : ` default ${it.default}`}${it.notNull ? " not null" : ""}`;
}

function afterColumn(of: Table, it: Column): string[] {
    return [
        ...(it.comment ? [comment(`column app.${of.name}.${it.name}`, it.comment)] : []),
        ...(it.statistics ? [`alter table app.${of.name} alter ${it.name} set statistics ${it.statistics}`] : []),
        ...(it.storage ? [`alter table app.${of.name} alter ${it.name} set storage ${it.storage}`] : []),
        ...(it.compressed ? [`alter table app.${of.name} alter ${it.name} set compression pglz`] : []),
        ...[...it.grants].map(kind => grant(of, `${kind} (${it.name}) to anon`)),
    ];
}

function constraint(of: Table, it: Part): string {
    const made = `alter table app.${of.name} add constraint ${it.name} ${it.text()}${it.off ? " not valid" : ""}`;
    return it.comment ? `${made}; ${comment(`constraint ${it.name} on app.${of.name}`, it.comment)}` : made;
}

function index(of: Table, it: Part): string {
    const made = `create index ${it.name} on app.${of.name} ${it.text()}`;
    return it.comment ? `${made}; ${comment(`index app.${it.name}`, it.comment)}` : made;
}

function statistics(of: Table, it: Part): string {
    return `create statistics app.${it.name} on ${it.text()} from app.${of.name}`;
}

function policy(of: Table, it: Part): string {
    const made = `create policy ${it.name} on app.${of.name} ${it.text()}`;
    return it.comment ? `${made}; ${comment(`policy ${it.name} on app.${of.name}`, it.comment)}` : made;
}

function trigger(of: Table, it: Part): string {
    const made = `create trigger ${it.name} ${it.text()} on app.${of.name} for each row execute function app.touch()`;
    return [
        made,
        ...(it.off ? [`alter table app.${of.name} disable trigger ${it.name}`] : []),
        ...(it.comment ? [comment(`trigger ${it.name} on app.${of.name}`, it.comment)] : []),
    ].join("; ");
}

function routine(it: Routine, verb: "create" | "create or replace"): string {
    const made = `${verb} function app.${it.name}() returns integer language sql ${it.stable ? "stable" : "immutable"} return ${it.body}`;
    if (verb !== "create") return made;
    return [
        made,
        ...(it.granted ? [`grant execute on function app.${it.name}() to anon`] : []),
        ...(it.owner === "postgres" ? [] : [`alter function app.${it.name}() owner to ${it.owner}`]),
        ...(it.comment ? [comment(`function app.${it.name}()`, it.comment)] : []),
    ].join("; ");
}

function view(it: View): string {
    const made = `create view app.${it.name} as select ${it.columns.map(([of, alias]) => `${of.name} as ${alias}`).join(", ")} from app.${it.of.name}`;
    return [
        made,
        ...(it.granted ? [`grant select on app.${it.name} to anon`] : []),
        ...(it.comment ? [comment(`view app.${it.name}`, it.comment)] : []),
    ].join("; ");
}

function rowLevelSecurity(it: Pick<Table, "name" | "protected">): string {
    return `alter table app.${it.name} ${it.protected ? "enable" : "disable"} row level security`;
}

function fillfactor(it: Pick<Table, "name" | "fillfactor">): string {
    return `alter table app.${it.name} ${it.fillfactor ? `set (fillfactor = ${it.fillfactor})` : "reset (fillfactor)"}`;
}

function grant(of: Table, privilege: string): string {
    return `grant ${privilege.replace(" to ", ` on app.${of.name} to `)}`;
}

function revoke(of: Table, privilege: string): string {
    return `revoke ${privilege.replace(" to ", ` on app.${of.name} from `)}`;
}

function comment(address: string, text: string | undefined): string {
    return `comment on ${address} is ${text === undefined ? "null" : `'${text.replaceAll("'", "''")}'`}`;
}
