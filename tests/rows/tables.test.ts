import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { type Play, onStage } from "./play.ts";

onStage("rows of tables that a rollback removes", stage => {
    /** Makes tables, fills them, goes down and up again; then the same rows are there, and the archive is empty. */
    async function comeBack(
        up: string,
        down: string,
        fill: string,
        tables: readonly string[],
        before = "select",
    ): Promise<void> {
        await stage.play({ before, acts: [{ up, down }] }, async play => {
            await play.client.query(fill);
            const expected = await contents(play, tables);
            assert.ok(expected.every(rows => rows.length > 0));
            for (const attempt of ["first", "second"]) {
                await play.again();
                const found = await contents(play, tables);
                assert.deepEqual(found, expected, `after the ${attempt} rollback`);
                assert.deepEqual(await play.archive(), []);
            }
        });
    }

    it("a table without a primary key comes back with each of its equal rows", () =>
        comeBack(
            "create table public.items (size integer, name text);",
            "drop table public.items;",
            "insert into public.items values (1, 'a'), (1, 'a'), (1, 'a'), (2, null), (2, null), (null, null), (null, null)",
            ["public.items"],
        ));

    it("values of every kind, of the migration's own types too, come back as they were", () =>
        comeBack(
            `create type public.mood as enum ('sad', 'ok');
             create domain public.percent as numeric check (value <= 100);
             create type public.address as (street text, number integer, moods public.mood[]);
             create type public.period as range (subtype = date);
             create collation public.plain from "C";
             create table public.items (
                 id integer primary key, mood public.mood, moods public.mood[], percent public.percent,
                 address public.address, addresses public.address[], period public.period,
                 plain text collate public.plain,
                 json json, jsonb jsonb, number numeric, numbers numeric(8,2)[], float float8, at timestamptz, day date, span interval,
                 bytes bytea, bits bit varying, ip inet, uuid uuid, letters char(5), words tsvector, text text, place point, flag boolean
             );`,
            `drop table public.items;
             drop type public.address;
             drop domain public.percent;
             drop type public.mood;
             drop type public.period;
             drop collation public.plain;`,
            `insert into public.items values
                 (1, 'ok', '{sad,NULL,ok}', 99.50, row('Main "St", 1', 2, '{sad}'), array[row('a', null, null)::public.address, null], '[2020-01-01,)', 'é',
                  '{"b":1,  "a": [1]}', '{"a": {"b": null}}', 'NaN', '{1.50,NaN}', 'NaN', 'infinity', '-infinity', '1 mon -2 days 03:04:05.678',
                  '\\x00ff5c', B'1010', '::1/64', gen_random_uuid(), 'ab', 'fat:1A cat:2', E'line\\n\\ttab \\\\ ''quote'' "x" (1,2) é 🐘', '(1,2)', true),
                 (2, null, '{}', null, null, '{}', 'empty', '', 'null', 'null', 1e-20, '{{1,2},{3,4}}', '-0', '-infinity', 'infinity', '0',
                  '', '', '10.0.0.1', null, '', '', '', null, null),
                 (3, 'sad', '[3:4]={ok,sad}', 100, row(null, null, null), null, null, null, '[]', '"x"', 123456789012345678901234567890.123456789, null,
                  'Infinity', '2020-06-01 12:00:00.123456+09', '0044-03-15 BC', null, null, null, null, null, null, null, null, null, false),
                 (4, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)`,
            ["public.items"],
        ));

    it("names that need quotes, and names that the runner uses itself, do not matter", () =>
        comeBack(
            `create table public."Odd ""Table"" é" (
                 "select" integer primary key, "Mixed Case" text, "a" text, "t" text, "kept" text, "put" text, "back" text,
                 "o" text, "with space" integer generated always as identity, "simulation_db_row" text
             );`,
            `drop table public."Odd ""Table"" é";`,
            `insert into public."Odd ""Table"" é" ("select", "Mixed Case", "a", "t") select n, 'b', 'c', n from generate_series(1, 9) as n`,
            [`public."Odd ""Table"" é"`],
        ));

    it("nor do they where up writes rows itself", () =>
        comeBack(
            "create table public.items (place integer, times integer, nth integer, line text, present text); insert into public.items values (1, 2, 3, 'a', null);",
            "drop table public.items;",
            "insert into public.items values (1, 2, 3, 'a', null), (4, 5, 6, 'b', 'c')",
            ["public.items"],
        ));

    it("a table of one column, with nulls and a type of its own, that up writes to itself", () =>
        comeBack(
            "create domain public.flag as boolean; create table public.items (name public.flag); insert into public.items values (null), (true);",
            "drop table public.items; drop domain public.flag;",
            "insert into public.items values (null), (true), (false)",
            ["public.items"],
        ));

    it("a composite primary key, a generated column and defaults do not matter", () =>
        comeBack(
            `create table public.items (
                 one integer, two text, sum integer generated always as (one * 2) stored, filled timestamptz default clock_timestamp(),
                 primary key (two, one)
             );`,
            "drop table public.items;",
            "insert into public.items (one, two) select n, n % 3 from generate_series(1, 20) as n",
            ["public.items"],
        ));

    it("a partitioned table comes back into its partitions", () =>
        comeBack(
            `create table public.items (id integer, part integer, name text, primary key (id, part)) partition by list (part);
             create table public.items_1 partition of public.items for values in (1);
             create table public.items_2 partition of public.items for values in (2) partition by range (id);
             create table public.items_2_low partition of public.items_2 for values from (0) to (10);
             create table public.items_2_high partition of public.items_2 for values from (10) to (100);
             create table public.items_rest partition of public.items default;`,
            "drop table public.items;",
            "insert into public.items select n, n % 4, 'x' from generate_series(1, 40) as n",
            ["public.items_1", "public.items_2_low", "public.items_2_high", "public.items_rest"],
        ));

    it("a new partition of a table that was there keeps its rows", () =>
        comeBack(
            "create table public.items_2 partition of public.items for values in (2);",
            "drop table public.items_2;",
            "insert into public.items values (1, 'a'), (2, 'b'), (2, null)",
            ["public.items", "public.items_2"],
            `create table public.items (part integer, name text) partition by list (part);
             create table public.items_1 partition of public.items for values in (1)`,
        ));

    it("a table that inherits from another gives each row once", () =>
        comeBack(
            `create table public.base (id integer, name text);
             create table public.heir (more text) inherits (public.base);`,
            "drop table public.heir;\ndrop table public.base;",
            "insert into public.base values (1, 'a'); insert into public.heir values (1, 'a', 'b'), (2, 'c', null)",
            ["only public.base", "public.heir"],
        ));

    it("tables that refer to each other come back in whatever order they were made", () =>
        comeBack(
            `create table public.children (id integer primary key, parent integer);
             create table public.parents (id integer primary key, favourite integer references public.children);
             alter table public.children add foreign key (parent) references public.parents;`,
            "alter table public.children drop constraint children_parent_fkey;\ndrop table public.parents;\ndrop table public.children;",
            `insert into public.parents values (1), (2);
             insert into public.children select n, 1 + n % 2 from generate_series(1, 6) as n;
             update public.parents set favourite = 2 where id = 2`,
            ["public.children", "public.parents"],
        ));

    it("a table that refers to itself, in rings too, comes back", () =>
        comeBack(
            "create table public.items (id integer primary key, parent integer references public.items);",
            "drop table public.items;",
            "insert into public.items values (3, null), (2, 3), (1, 2), (4, 4), (5, null), (6, 5); update public.items set parent = 6 where id = 5",
            ["public.items"],
        ));

    it("a table with forced row level security comes back whole", () =>
        comeBack(
            `create table public.items (id integer primary key);
             create policy nobody on public.items using (false) with check (false);
             alter table public.items enable row level security;
             alter table public.items force row level security;`,
            "drop table public.items;",
            "insert into public.items select generate_series(1, 5)",
            ["public.items"],
        ));

    it("triggers and rules of the table, of its partitions and those that always fire stay out of it", () =>
        stage.play(
            {
                acts: [
                    {
                        up: `create function public.spoil() returns trigger language plpgsql as $$ begin new.name := 'spoilt'; return new; end $$;
                             create function public.forbid() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$;
                             create table public.items (id integer, name text) partition by list (id);
                             create table public.items_1 partition of public.items for values in (1);
                             create trigger spoil before insert on public.items for each row execute function public.spoil();
                             create trigger spoil_1 before insert on public.items_1 for each row execute function public.spoil();
                             create trigger forbid after insert on public.items for each statement execute function public.forbid();
                             alter table public.items enable always trigger forbid;
                             alter table public.items disable trigger spoil;
                             create table public.logs (id integer, name text);
                             create rule nothing as on insert to public.logs do instead nothing;`,
                        down: "drop table public.logs;\ndrop table public.items;\ndrop function public.forbid();\ndrop function public.spoil();",
                    },
                ],
            },
            async play => {
                const { client } = play;
                await client.query(`alter table public.items disable trigger all; alter table public.items_1 disable trigger all; alter table public.logs disable rule nothing;
                    insert into public.items values (1, 'mine'); insert into public.logs values (1, 'mine')`);
                const firing = `select tgname, tgrelid::regclass::text, tgenabled from pg_trigger where not tgisinternal and tgname ~ 'spoil|forbid' union all
                    select rulename, ev_class::regclass::text, ev_enabled from pg_rewrite where rulename = 'nothing' order by 1, 2`;
                await play.down();
                await play.up();
                assert.deepEqual(await play.rows("public.items"), ["(1,mine)"]);
                assert.deepEqual(await play.rows("public.logs"), ["(1,mine)"]);
                assert.deepEqual(
                    (await client.query(firing)).rows.map(row => Object.values(row).join(" ")),
                    [
                        "forbid public.items A",
                        "nothing public.logs O",
                        "spoil public.items D",
                        "spoil public.items_1 D",
                        "spoil_1 public.items_1 O",
                    ].map(line => line.replaceAll("public.", "")),
                );
            },
        ));

    it("numbers that a sequence has given out are not given out again", () =>
        stage.play(
            {
                acts: [
                    {
                        up: `create sequence public.free;
                             create table public.items (
                                 always bigint generated always as identity, bydefault integer generated by default as identity (increment by 10),
                                 serial serial, free bigint default nextval('public.free'), name text
                             );`,
                        down: "drop table public.items;\ndrop sequence public.free;",
                    },
                ],
            },
            async play => {
                await play.client.query(`insert into public.items (name) select 'a' from generate_series(1, 7);
                    delete from public.items where always > 5`);
                const expected = await play.rows("public.items");
                await play.again();
                assert.deepEqual(await play.rows("public.items"), expected);
                const { rows } = await play.client.query("insert into public.items (name) values ('b') returning *");
                assert.deepEqual(rows, [{ always: "8", bydefault: 71, serial: 8, free: "8", name: "b" }]);
            },
        ));

    it("an empty table whose sequence was used goes on counting", () =>
        stage.play(
            { acts: [{ up: "create table public.items (id serial);", down: "drop table public.items;" }] },
            async play => {
                await play.client.query("insert into public.items default values; delete from public.items");
                await play.again();
                const { rows } = await play.client.query("insert into public.items default values returning id");
                assert.deepEqual(rows, [{ id: 2 }]);
            },
        ));

    for (const [key, expected] of [
        ["primary key", ["(1,ours)", "(2,theirs)", "(3,new)"]],
        ["", ["(1,ours)", "(2,ours)", "(2,theirs)", "(3,new)"]],
    ] as const) {
        it(`rows that up itself writes are not doubled (${key || "no key"})`, () =>
            stage.play(
                {
                    acts: [
                        {
                            up: `create table public.items (id integer ${key}, name text);
                                 insert into public.items values (1, 'ours'), (2, 'ours');`,
                            down: "drop table public.items;",
                        },
                    ],
                },
                async play => {
                    await play.client.query(
                        "update public.items set name = 'theirs' where id = 2; insert into public.items values (3, 'new')",
                    );
                    await play.again();
                    const found = await play.rows("public.items");
                    if (key) {
                        // The row of up has the key; the other one is kept, and said.
                        assert.deepEqual(found, ["(1,ours)", "(2,ours)", "(3,new)"]);
                        assert.deepEqual(
                            (await play.archive()).map(({ rows }) => rows),
                            [1],
                        );
                        assert.match(
                            play.said.at(-1) ?? "",
                            /2 of 3 archived rows are back in public\.items; 1 could not/,
                        );
                    } else assert.deepEqual(found, expected);
                },
            ));
    }

    it("rows whose owner is gone are counted and kept; so are those that depend on them", () =>
        stage.play(
            {
                before: "create table public.owners (id integer primary key); insert into public.owners select generate_series(1, 3)",
                acts: [
                    {
                        up: `create table public.items (
                                 id integer primary key, owner integer references public.owners on delete cascade, parent integer references public.items
                             );
                             create table public.notes (id integer primary key, item integer references public.items);`,
                        down: "drop table public.notes;\ndrop table public.items;",
                    },
                ],
            },
            async play => {
                const { client } = play;
                await client.query(`insert into public.items values (1, 1, null), (2, 2, 1), (3, 3, 2), (4, 2, 3), (5, null, 4), (6, null, 6);
                    insert into public.notes values (1, 1), (2, 4), (3, null)`);
                await play.down();
                await client.query("delete from public.owners where id = 3");
                await play.up();
                assert.deepEqual(await play.rows("public.items"), ["(1,1,)", "(2,2,1)", "(6,,6)"]);
                assert.deepEqual(await play.rows("public.notes"), ["(1,1)", "(3,)"]);
                const parts = await play.archive();
                assert.deepEqual(
                    parts.map(({ table, rows }) => `${table}: ${rows}`),
                    ["public.items: 3", "public.notes: 1"],
                );
                assert.ok(parts.every(({ restoredAt }) => restoredAt !== null));
                assert.ok(
                    play.said.some(line => /3 of 6 archived rows are back in public\.items; 3 could not/.test(line)),
                    play.said.join("\n"),
                );
                assert.ok(
                    play.said.some(line => /2 of 3 archived rows are back in public\.notes; 1 could not/.test(line)),
                );
                const left = `select id from simulation_db_archive.${parts[0]?.archive} order by id`;
                assert.deepEqual((await client.query(left)).rows, [{ id: 3 }, { id: 4 }, { id: 5 }]);
            },
        ));

    /** Whoever holds this advisory lock holds up who writes an owner of `public.items`. */
    const gate = 77;
    const owned = "check (owner is null or public.gated()) references public.owners";
    const makeItems = {
        up: `create table public.items (id integer primary key, owner integer ${owned});`,
        down: "drop table public.items;",
        before: "",
    };
    const addOwner = {
        up: `alter table public.items add column owner integer ${owned};`,
        down: "alter table public.items drop column owner;",
        before: "create table public.items (id integer); insert into public.items values (1), (2), (3)",
    };

    /** Rows 1 to 3 with owners of the same numbers come back; in the middle of that somebody else does something. */
    async function whileTheyComeBack(
        { up, down, before }: typeof makeItems,
        { first, then }: { readonly first: string; readonly then: string },
        after: (play: Play) => Promise<void>,
    ): Promise<void> {
        const world = `
            create table public.owners (id integer primary key);
            insert into public.owners values (1), (2), (3);
            create function public.gated() returns boolean language plpgsql set lock_timeout = '20s'
                as 'begin perform pg_advisory_xact_lock_shared(${gate}); return true; end';
            ${before}`;
        await stage.play({ before: world, acts: [{ up, down }] }, async play => {
            const { client } = play;
            await client.query(
                before
                    ? "update public.items set owner = id"
                    : "insert into public.items select id, id from public.owners",
            );
            await play.down();
            await client.query(first);
            const keeper = await play.project.connect();
            await keeper.query("select pg_advisory_lock($1)", [gate]);
            const coming = play.up();
            await until("they are held up", async () => (await play.project.waiting()) > 0);
            await client.query(then);
            await keeper.query("select pg_advisory_unlock($1)", [gate]);
            await coming;
            await after(play);
        });
    }

    it("a row whose owner comes while the others come back is not lost, and comes after them", () =>
        whileTheyComeBack(
            makeItems,
            { first: "delete from public.owners where id = 3", then: "insert into public.owners values (3)" },
            async play => {
                assert.deepEqual(await play.rows("public.items"), ["(1,1)", "(2,2)", "(3,3)"]);
                assert.deepEqual(await play.archive(), []);
            },
        ));

    for (const [what, act, left] of [
        ["a row", makeItems, ["(1,1)", "(2,2)"]],
        ["a column of a table without a key", addOwner, ["(1,1)", "(2,2)", "(3,)"]],
    ] as const) {
        it(`${what} whose owner goes while the others come back keeps none of them away`, () =>
            whileTheyComeBack(act, { first: "select", then: "delete from public.owners where id = 3" }, async play => {
                assert.deepEqual(await play.rows("public.items"), left);
                assert.deepEqual(
                    (await play.archive()).map(({ rows }) => rows),
                    [1],
                );
                assert.match(
                    play.said.at(-1) ?? "",
                    /2 of 3 archived rows are back in public\.items; 1 could not \(their owner or row is gone/,
                );
            }));
    }

    it("a row whose key another one has stays in the archive where the key is deferrable, and keeps no others there", () =>
        stage.play(
            {
                acts: [
                    {
                        up: "create table public.items (id integer primary key deferrable, name text);\ninsert into public.items values (1, 'first');",
                        down: "drop table public.items;",
                    },
                ],
            },
            async play => {
                await play.client.query(
                    "update public.items set name = 'changed'; insert into public.items values (2, 'second')",
                );
                await play.again();
                assert.deepEqual(await play.rows("public.items"), ["(1,first)", "(2,second)"]);
                assert.match(play.said.at(-1) ?? "", /1 of 2 archived rows are back .*\(duplicate key value/);
                play.said.length = 0;
                await play.up();
                assert.deepEqual(play.said, []);
            },
        ));

    it("rows whose owner is gone, and those that refer to them, stay where a column has a type without equality", () =>
        stage.play(
            {
                before: "create table public.owners (id integer primary key); insert into public.owners values (1), (2)",
                acts: [
                    {
                        up: "create table public.items (id integer primary key, parent integer references public.items, owner integer references public.owners, extra json);",
                        down: "drop table public.items;",
                    },
                ],
            },
            async play => {
                await play.client.query(
                    "insert into public.items values (1, null, 1, '{}'), (2, 1, null, '{}'), (3, 2, null, null), (4, null, 2, '[]')",
                );
                await play.down();
                await play.client.query("delete from public.owners where id = 1");
                await play.up();
                assert.deepEqual(await play.rows("public.items"), ["(4,,2,[])"]);
                assert.match(play.said.at(-1) ?? "", /1 of 4 archived rows are back/);
            },
        ));

    it("rows of two migrations, the second on the first one's table, come back", () =>
        stage.play(
            {
                acts: [
                    {
                        up: "create type public.kind as enum ('a', 'b');\ncreate table public.items (kind public.kind primary key);",
                        down: "drop table public.items;\ndrop type public.kind;",
                    },
                    {
                        up: "alter table public.items add column name text;",
                        down: "alter table public.items drop column name;",
                    },
                    {
                        up: "create table public.notes (kind public.kind references public.items, note text);",
                        down: "drop table public.notes;",
                    },
                ],
            },
            async play => {
                await play.client.query(
                    "insert into public.items values ('a', 'x'), ('b', null); insert into public.notes values ('a', 'y')",
                );
                await play.again();
                assert.deepEqual(await play.rows("public.items"), ["(a,x)", "(b,)"]);
                assert.deepEqual(await play.rows("public.notes"), ["(a,y)"]);
                assert.deepEqual(await play.archive(), []);
            },
        ));

    it("a table that up only renamed is not archived, and what is written meanwhile stays", () =>
        stage.play(
            {
                before: "create table public.things (id integer primary key, name text); insert into public.things values (1, 'a')",
                acts: [
                    {
                        up: "alter table public.things rename to items;\nalter table public.items rename column name to title;",
                        down: "alter table public.items rename column title to name;\nalter table public.items rename to things;",
                    },
                ],
            },
            async play => {
                await play.down();
                assert.deepEqual(await play.archive(), []);
                await play.client.query(
                    "update public.things set name = 'b'; insert into public.things values (2, 'c')",
                );
                await play.up();
                assert.deepEqual(await play.rows("public.items"), ["(1,b)", "(2,c)"]);
            },
        ));

    it("a down that is refused leaves nothing in the archive", () =>
        stage.play(
            {
                acts: [
                    {
                        up: "create table public.items (id integer);",
                        down: "drop table public.items;\ncreate table public.more ();",
                    },
                ],
            },
            async play => {
                await play.client.query("insert into public.items values (1)");
                await assert.rejects(play.down(), /new: .*public\.more/);
                assert.deepEqual(await play.archive(), []);
                const { rows } = await play.client.query(
                    "select relname from pg_class where relnamespace = 'simulation_db_archive'::regnamespace",
                );
                assert.deepEqual(rows, []);
            },
        ));

    it("switched off, a rollback keeps nothing", () =>
        stage.play(
            { acts: [{ up: "create table public.items (id integer);", down: "drop table public.items;" }] },
            async play => {
                play.archives = false;
                await play.client.query("insert into public.items values (1)");
                await play.down();
                assert.deepEqual(await play.archive(), []);
                play.archives = true;
                await play.up();
                assert.deepEqual(await play.rows("public.items"), []);
            },
        ));

    /** Goes up again as something else, where the one row of before fits no more and stays in the archive. */
    const staysArchived = (
        was: string,
        is: string,
        row: string,
        then: (play: Play, before: string[]) => Promise<void>,
    ): Promise<void> => {
        const down = "drop table public.items;";
        return stage.play({ acts: [{ up: was, down }] }, async play => {
            await play.client.query(`insert into public.items values ${row}`);
            const before = await play.rows("public.items");
            await play.down();
            play.rewrite([{ up: is, down }]);
            await play.up();
            assert.match(play.said.at(-1) ?? "", /0 of 1 archived rows are back in public\.items/);
            assert.deepEqual(
                (await play.archive()).map(({ rows }) => rows),
                [1],
            );
            await then(play, before);
        });
    };

    for (const [change, up] of [
        ["another type", "create table public.items (id integer primary key, name integer);"],
        ["no such column", "create table public.items (id integer primary key);"],
        ["no such table", "create table public.others (id integer primary key);"],
        [
            "a check that they break",
            "create table public.items (id integer primary key, name text check (name <> 'a'));",
        ],
        ...["", " using errcode = 'PT409'"].map(
            code =>
                [
                    `a check whose function raises an error${code}`,
                    `create function public.fits(name text) returns boolean language plpgsql as $$
                     begin
                         raise exception '% does not fit', name${code};
                     end $$;
                     create table public.items (id integer primary key, name text check (public.fits(name)));`,
                ] as const,
        ),
    ] as const) {
        it(`rows that fit no more, as the next up makes something else (${change}), stay in the archive, and up goes well`, () =>
            staysArchived(
                "create table public.items (id integer primary key, name text);",
                up,
                "(1, 'a')",
                async play => {
                    // Tried once, not at each run.
                    play.said.length = 0;
                    await play.up();
                    assert.deepEqual(play.said, []);
                },
            ));
    }

    for (const [what, up, staying, said] of [
        [
            "a check refuses",
            "create table public.items (id integer, name text check (name <> 'odd'));",
            ["(7,odd)"],
            /violates check constraint/,
        ],
        [
            "no partition takes",
            `create table public.items (id integer, name text) partition by range (id);
             create table public.items_1 partition of public.items for values from (0) to (1999);`,
            ["(1999,x)", "(2000,x)", "(70000,big)"],
            /no partition of relation "items" found for row/,
        ],
        [
            "are empty where a value is needed",
            "create table public.items (id integer, name text not null);",
            ["(8,)"],
            /null value in column "name"/,
        ],
        [
            "are too large",
            "create table public.items (id smallint, name text);",
            ["(70000,big)"],
            /smallint out of range/,
        ],
        [
            "would come back as others",
            "create table public.items (id integer, name varchar(4));",
            ["(9,toolong)"],
            /is not what was archived/,
        ],
        [
            "have a key that may be looked at later",
            "create table public.items (id integer, name text, unique (id) deferrable initially deferred);",
            ["(1,same)", "(2,x)"],
            /duplicate key/,
        ],
        [
            "have a key that is there already",
            "create table public.items (id integer, name text, unique (id));",
            ["(1,same)", "(2,x)"],
            /is not what was archived/,
        ],
    ] as const) {
        it(`of many rows only those stay in the archive that ${what}, equal ones included`, () =>
            stage.play(
                {
                    acts: [
                        {
                            up: "create table public.items (id integer, name text);",
                            down: "drop table public.items;",
                        },
                    ],
                },
                async play => {
                    const { client } = play;
                    await client.query(
                        `insert into public.items select n, case n when 7 then 'odd' when 9 then 'toolong' when 8 then null else 'x' end
                         from generate_series(1, 2000) as n`,
                    );
                    // Of rows that are twice there, none is taken for the other one when that is back.
                    const twice = up.includes("unique")
                        ? "(1, 'same'), (2, 'x'), (70000, 'big')"
                        : "(500, 'x'), (1999, 'x'), (70000, 'big')";
                    await client.query(`insert into public.items values ${twice}`);
                    const before = await play.rows("public.items");
                    await play.down();
                    play.rewrite([{ up, down: "drop table public.items;" }]);
                    await play.up();
                    const [part] = await play.archive();
                    const left = await play.rows(`simulation_db_archive.${part?.archive}`);
                    const back = await play.rows("public.items");
                    assert.deepEqual([...new Set(left)], staying);
                    assert.equal(part?.rows, left.length);
                    assert.deepEqual([...back, ...left].toSorted(), before.toSorted());
                    assert.match(play.said.at(-1) ?? "", said);
                    assert.match(
                        play.said.at(-1) ?? "",
                        new RegExp(
                            `${back.length} of ${before.length} archived rows are back in public\\.items; ${left.length} could not`,
                        ),
                    );
                },
            ));
    }

    it("rows that up has written itself are known once, however often the others are parted", () =>
        stage.play(
            {
                acts: [
                    {
                        up: "create table public.items (name text);\ninsert into public.items values ('first');",
                        down: "drop table public.items;",
                    },
                ],
            },
            async play => {
                await play.client.query(
                    `insert into public.items select 'first' from generate_series(1, 3000);
                     insert into public.items values ('odd')`,
                );
                await play.down();
                play.rewrite([
                    {
                        up: "create table public.items (name text check (name <> 'odd'));\ninsert into public.items values ('first');",
                        down: "drop table public.items;",
                    },
                ]);
                await play.up();
                assert.equal((await play.rows("public.items")).length, 3001);
                assert.match(
                    play.said.at(-1) ?? "",
                    /3001 of 3002 archived rows are back in public\.items; 1 could not/,
                );
            },
        ));

    it("of equal rows that a key now allows once, the other stays also when another table has its rows back later", () =>
        stage.play(
            {
                acts: [
                    {
                        up: "create table public.items (id integer);\ncreate table public.owners (id integer primary key);",
                        down: "drop table public.items;\ndrop table public.owners;",
                    },
                ],
            },
            async play => {
                await play.client.query(
                    "insert into public.items values (1), (1); insert into public.owners values (1)",
                );
                await play.down();
                play.rewrite([
                    {
                        up: "create table public.items (id integer unique);\ncreate table public.owners (id integer primary key);",
                        down: "drop table public.items;\ndrop table public.owners;",
                    },
                ]);
                await play.up();
                assert.deepEqual(await play.rows("public.items"), ["(1)"]);
                assert.deepEqual(await play.rows("public.owners"), ["(1)"]);
                const [part] = await play.archive();
                assert.equal(part?.rows, 1);
            },
        ));

    it("where many do not fit, only some of those that would stay in the archive with them", () =>
        stage.play(
            {
                acts: [{ up: "create table public.items (id integer);", down: "drop table public.items;" }],
            },
            async play => {
                await play.client.query("insert into public.items select generate_series(1, 20000)");
                await play.down();
                play.rewrite([
                    {
                        up: "create table public.items (id integer check (id % 500 > 0));",
                        down: "drop table public.items;",
                    },
                ]);
                await play.up();
                const [part] = await play.archive();
                assert.ok(part && part.rows >= 40 && part.rows < 10_000, `${part?.rows} of 20000 stay`);
                assert.equal((await play.rows("public.items")).length, 20_000 - part.rows);
            },
        ));

    it("where very many do not fit, the looking ends; the others are counted, and none is lost", () =>
        stage.play(
            {
                acts: [{ up: "create table public.items (id integer);", down: "drop table public.items;" }],
            },
            async play => {
                await play.client.query(
                    "insert into public.items select n % 5000 from generate_series(0, 9999) as n; insert into public.items values (1), (4999)",
                );
                const before = await play.rows("public.items");
                await play.down();
                play.rewrite([
                    {
                        up: "create table public.items (id integer check (id % 3 > 0));\ninsert into public.items values (1), (4999);",
                        down: "drop table public.items;",
                    },
                ]);
                await play.up();
                const [part] = await play.archive();
                const left = await play.rows(`simulation_db_archive.${part?.archive}`);
                assert.deepEqual([...(await play.rows("public.items")), ...left].toSorted(), before.toSorted());
                assert.equal(part?.rows, left.length);
                play.said.length = 0;
                await play.up();
                assert.deepEqual(play.said, []);
            },
        ));

    for (const [was, is, value] of [
        ["numeric", "numeric(4, 1)", "1.25"],
        ["numeric", "numeric(4, 2)", "1.5"],
        ["text", "varchar(3)", "'abcd'"],
        ["timestamptz", "timestamptz(0)", "'2026-01-01 00:00:00.75Z'"],
        ["timestamptz", "date", "'2026-01-01 00:00:00.75Z'"],
    ] as const) {
        it(`rows that would come back as others (${was} as ${is}) stay in the archive as they were`, () => {
            const make = (type: string) =>
                `create table public.items (id integer primary key, size bigint, value ${type});`;
            return staysArchived(make(was), make(is), `(1, 1, ${value})`, async (play, before) => {
                assert.match(
                    play.said.at(-1) ?? "",
                    /0 of 1 archived rows are back in public\.items; 1 could not \(what would be in public\.items is not what was archived: 1 rows with checksum/,
                );
                assert.deepEqual(await play.rows("public.items"), []);
                const [part] = await play.archive();
                assert.deepEqual(await play.rows(`simulation_db_archive.${part?.archive}`), before);
            });
        });
    }
});

async function contents(play: Play, tables: readonly string[]): Promise<string[][]> {
    const contents: string[][] = [];
    for (const table of tables) contents.push(await play.rows(table));
    return contents;
}
