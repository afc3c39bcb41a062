import assert from "node:assert/strict";
import { UserError } from "../../runner/userError.ts";
import { onStage } from "./play.ts";

onStage("values of columns that a rollback removes", stage => {
    /** A table with rows; up adds columns; they are filled; then it goes down and up, and all is as it was. */
    async function comeBack(before: string, up: string, down: string, fill: string, table = "public.items") {
        await stage.play({ before, acts: [{ up, down }] }, async play => {
            await play.client.query(fill);
            const expected = await play.rows(table);
            for (const attempt of ["first", "second"]) {
                await play.again();
                assert.deepEqual(await play.rows(table), expected, `after the ${attempt} rollback`);
                assert.deepEqual(await play.archive(), []);
            }
        });
    }

    it("find their rows by a composite key with names that need quotes", () =>
        comeBack(
            `create table public.items ("A key" integer, "select" text, note text, primary key ("select", "A key"));
             insert into public.items select n % 5, n, 'x' from generate_series(1, 20) as n`,
            'alter table public.items add column "New Value" text, add column "a" integer[];',
            'alter table public.items drop column "a", drop column "New Value";',
            `update public.items set "New Value" = 'v' || "select", a = array["A key", null] where "A key" > 1`,
        ));

    it("null and value in every combination, of the migration's own type too", () =>
        comeBack(
            "create table public.items (id integer primary key); insert into public.items select generate_series(0, 15)",
            "create type public.mood as enum ('sad', 'ok');\nalter table public.items add column mood public.mood, add column json jsonb, add column number numeric, add column at timestamptz;",
            "alter table public.items drop column mood, drop column json, drop column number, drop column at;\ndrop type public.mood;",
            `update public.items set
                 mood = case when id & 1 > 0 then 'ok'::public.mood end, json = case when id & 2 > 0 then 'null'::jsonb end,
                 number = case when id & 4 > 0 then 'NaN'::numeric end, at = case when id & 8 > 0 then 'infinity'::timestamptz end`,
        ));

    it("a composite value is a value, with a null in it as well", () =>
        comeBack(
            "create type public.pair as (a integer, b text); create table public.items (id integer primary key); insert into public.items values (1), (2), (3)",
            "alter table public.items add column pair public.pair;",
            "alter table public.items drop column pair;",
            "update public.items set pair = row(1, null) where id = 1; update public.items set pair = row(null, null) where id = 2",
        ));

    it("of rows that leave the table with them", () =>
        comeBack(
            "create table public.items (id integer primary key, owner integer not null); insert into public.items values (1, 1)",
            "alter table public.items alter owner drop not null, add column name text;",
            "-- archive-rows: public.items where owner is null\nalter table public.items alter owner set not null, drop column name;",
            "insert into public.items values (2, null, 'b'), (3, null, null); update public.items set name = 'a' where id = 1",
        ));

    it("a null stays null where up fills the column by its default or by an update", () =>
        comeBack(
            "create table public.items (id integer primary key); insert into public.items select generate_series(1, 4)",
            `alter table public.items add column state text default 'new';
             alter table public.items add column twice integer;
             update public.items set twice = id * 2;
             alter table public.items add column word uuid default gen_random_uuid();`,
            "alter table public.items drop column word, drop column twice, drop column state;",
            "update public.items set state = null, word = null where id = 1; update public.items set twice = null where id = 2",
        ));

    for (const [what, type, rest] of [
        ["behind a comma", "numeric(10, 2)", "default random()"],
        ["which its domain has", "public.state", ""],
    ] as const) {
        it(`a null stays null where up fills the column by a default ${what}`, () =>
            comeBack(
                `create domain public.state as text default 'new';
                 create table public.items (id integer primary key); insert into public.items select generate_series(1, 4)`,
                `alter table public.items add column one ${type} ${rest};`,
                "alter table public.items drop column one;",
                "update public.items set one = null where id = 1",
            ));
    }

    it("a null stays null where up fills the column by a default that its text does not show", () =>
        comeBack(
            `create table public.items (id integer primary key); insert into public.items select generate_series(1, 4)`,
            "do $$ begin execute 'alter table public.items add column one float8 def' || 'ault random()'; end $$;",
            "alter table public.items drop column one;",
            "update public.items set one = null where id = 1",
        ));

    for (const fill of [
        "select public.fill();",
        "do $$ begin perform public.fill(); end $$;",
        "do $$ begin execute 'select public.fill()'; end $$;",
        "do $$ declare done text; begin select public.fill() into done; end $$;",
        "do $$ declare done text; begin done := public.fill(); end $$;",
    ]) {
        it(`a null stays null where up has a function fill the column: ${fill}`, () =>
            comeBack(
                `create table public.items (id integer primary key); insert into public.items select generate_series(1, 4);
                 create function public.fill() returns void language plpgsql as
                 $$ begin update public.items set one = id; end $$`,
                `alter table public.items add column one integer; ${fill}`,
                "alter table public.items drop column one;",
                "update public.items set one = null where id = 1",
            ));
    }

    it("a table without a key: equal rows share out what they had", () =>
        comeBack(
            "create table public.items (size integer, json json); insert into public.items select n % 3, '{}' from generate_series(1, 12) as n; insert into public.items values (null, null), (null, null)",
            "alter table public.items add column name text;",
            "alter table public.items drop column name;",
            "update public.items set name = 'n' || size where size > 0; update public.items set name = 'first' where ctid = (select min(ctid) from public.items)",
        ));

    it("a table whose one column has nulls, and a type that has two ways to be written", () =>
        comeBack(
            "create domain public.flag as boolean; create table public.items (flag public.flag); insert into public.items values (true), (true), (false), (null), (null)",
            "alter table public.items add column name text;",
            "alter table public.items drop column name;",
            "update public.items set name = coalesce(flag::text, 'none')",
        ));

    it("a primary key with a further column in its index", () =>
        comeBack(
            "create table public.items (id integer, extra integer, primary key (id) include (extra)); insert into public.items select n from generate_series(1, 5) as n",
            "alter table public.items add column name text;",
            "alter table public.items drop column name;",
            "update public.items set name = 'n' || id",
        ));

    it("a column that identifies is no key when up made it", () =>
        comeBack(
            "create table public.items (name text); insert into public.items values ('a'), ('a'), ('b')",
            "alter table public.items add column id bigint generated always as identity primary key;",
            "alter table public.items drop column id;",
            "insert into public.items (name) values ('c'); delete from public.items where id = 4",
        ));

    it("numbers that up gave out anew, and otherwise, are left, and the old ones kept and counted", () =>
        stage.play(
            {
                before: "create table public.items (name text); insert into public.items values ('a'), ('b'), ('c')",
                acts: [
                    {
                        up: "alter table public.items add column id bigint generated always as identity primary key;",
                        down: "alter table public.items drop column id;",
                    },
                ],
            },
            async play => {
                await play.client.query("delete from public.items where id = 1");
                await play.again();
                assert.deepEqual(await play.rows("public.items"), ["(b,1)", "(c,2)"]);
                assert.match(
                    play.said.at(-1) ?? "",
                    /0 of 2 archived rows .* could not \(duplicate key value violates unique/,
                );
            },
        ));

    it("columns of a partitioned table, wherever its rows are", () =>
        comeBack(
            `create table public.items (id integer, part integer, primary key (id, part)) partition by list (part);
             create table public.items_1 partition of public.items for values in (1);
             create table public.items_rest partition of public.items default;
             insert into public.items select n, n % 3 from generate_series(1, 12) as n`,
            "alter table public.items add column name text;",
            "alter table public.items drop column name;",
            "update public.items set name = id::text where id > 2",
        ));

    it("columns of a table that another inherits from", () =>
        comeBack(
            `create table public.items (id integer primary key); create table public.heirs (more text) inherits (public.items);
             insert into public.items values (1), (2); insert into public.heirs values (1, 'x'), (3, 'y')`,
            "alter table public.items add column name text;",
            "alter table public.items drop column name;",
            "update only public.items set name = 'own ' || id; update public.heirs set name = 'heir ' || id",
        ));

    it("triggers that would change them on the way back stay out of it", () =>
        comeBack(
            `create table public.items (id integer primary key, touched integer default 0); insert into public.items values (1), (2);
             create function public.touch() returns trigger language plpgsql as $$ begin new.touched := new.touched + 1; return new; end $$;
             create trigger touch before update on public.items for each row execute function public.touch()`,
            "alter table public.items add column name text;",
            "alter table public.items drop column name;",
            "update public.items set name = 'a'",
        ));

    it("under forced row level security", () =>
        comeBack(
            `create table public.items (id integer primary key); insert into public.items values (1), (2);
             alter table public.items enable row level security; alter table public.items force row level security`,
            "alter table public.items add column name text;",
            "alter table public.items drop column name;",
            "update public.items set name = 'a'",
        ));

    it("what happened to the table meanwhile stays as it is, and what finds no row is kept and counted", () =>
        stage.play(
            {
                before: "create table public.items (id integer primary key, size integer); insert into public.items select n, n from generate_series(1, 5) as n",
                acts: [
                    {
                        up: "alter table public.items add column name text;",
                        down: "alter table public.items drop column name;",
                    },
                ],
            },
            async play => {
                const { client } = play;
                await client.query("update public.items set name = 'n' || id");
                await play.down();
                await client.query(`delete from public.items where id in (1, 2); insert into public.items values (2, 20), (6, 6);
                    update public.items set size = 30 where id = 3; update public.items set id = 40 where id = 4`);
                await play.up();
                // 2 was deleted and made again: the key is all that says who it is.
                assert.deepEqual(await play.rows("public.items"), [
                    "(2,20,n2)",
                    "(3,30,n3)",
                    "(40,4,)",
                    "(5,5,n5)",
                    "(6,6,)",
                ]);
                assert.match(play.said.at(-1) ?? "", /3 of 5 archived rows are back in public\.items; 2 could not/);
                const [part] = await play.archive();
                const { rows } = await client.query(
                    `select id, name from simulation_db_archive.${part?.archive} order by id`,
                );
                assert.deepEqual(rows, [
                    { id: 1, name: "n1" },
                    { id: 4, name: "n4" },
                ]);
            },
        ));

    it("a reference whose owner is gone stays in the archive, and the row stays in the table", () =>
        stage.play(
            {
                before: `create table public.owners (id integer primary key); insert into public.owners values (1), (2);
                    create table public.items (id integer primary key); insert into public.items values (1), (2), (3)`,
                acts: [
                    {
                        up: "alter table public.items add column owner integer references public.owners, add column name text;",
                        down: "alter table public.items drop column name, drop column owner;",
                    },
                ],
            },
            async play => {
                await play.client.query(
                    "update public.items set owner = id, name = 'n' || id where id < 3; update public.items set name = 'n3' where id = 3",
                );
                await play.down();
                await play.client.query("delete from public.owners where id = 2");
                await play.up();
                assert.deepEqual(await play.rows("public.items"), ["(1,1,n1)", "(2,,)", "(3,,n3)"]);
                assert.match(play.said.at(-1) ?? "", /2 of 3 archived rows are back/);
            },
        ));

    it("no sequence goes back: neither one that was there before, nor one that up made", () =>
        stage.play(
            {
                before: "create table public.items (id serial primary key, other integer generated always as identity)",
                acts: [
                    {
                        up: "alter table public.items add column number serial;\nalter table public.items add column name text;",
                        down: "alter table public.items drop column name;\nalter table public.items drop column number;",
                    },
                ],
            },
            async play => {
                const { client } = play;
                await client.query("insert into public.items (name) select 'a' from generate_series(1, 5)");
                await play.down();
                await client.query("insert into public.items default values; insert into public.items default values");
                await play.up();
                const { rows } = await client.query(
                    "insert into public.items default values returning id, other, number",
                );
                assert.equal(rows[0].id, 8);
                assert.equal(rows[0].other, 8);
                assert.ok(rows[0].number >= 6, `the number ${rows[0].number} was given out before`);
            },
        ));

    it("a column that up only renamed is not archived, and what is written meanwhile stays", () =>
        stage.play(
            {
                before: "create table public.items (id integer primary key, name text); insert into public.items values (1, 'a'), (2, 'a')",
                acts: [
                    {
                        up: "alter table public.items rename column name to title;\nalter table public.items rename column id to number;",
                        down: "alter table public.items rename column number to id;\nalter table public.items rename column title to name;",
                    },
                ],
            },
            async play => {
                await play.down();
                assert.deepEqual(await play.archive(), []);
                await play.client.query("update public.items set name = 'b' where id = 1");
                await play.up();
                assert.deepEqual(await play.rows("public.items"), ["(1,b)", "(2,a)"]);
            },
        ));

    it("rows that could not be there before are taken out whole, and come back", () =>
        stage.play(
            {
                before: "create table public.items (id serial primary key, owner integer not null); insert into public.items (owner) values (1), (2)",
                acts: [
                    {
                        up: "alter table public.items alter owner drop not null;",
                        down: "-- archive-rows: public.items where owner is null\nalter table public.items alter owner set not null;",
                    },
                ],
            },
            async play => {
                const { client } = play;
                await client.query("insert into public.items (owner) values (null), (null), (3)");
                await play.down();
                assert.deepEqual(await play.rows("public.items"), ["(1,1)", "(2,2)", "(5,3)"]);
                // Somebody takes the key of one of them.
                await client.query("insert into public.items (id, owner) values (4, 4)");
                await play.up();
                assert.deepEqual(await play.rows("public.items"), ["(1,1)", "(2,2)", "(3,)", "(4,4)", "(5,3)"]);
                assert.match(play.said.at(-1) ?? "", /1 of 2 archived rows are back in public\.items; 1 could not/);
            },
        ));

    it("where nothing may be kept, rows that would have to leave stop the rollback before it runs, and are named", () =>
        stage.play(
            {
                before: "create table public.items (id integer primary key, owner integer not null); insert into public.items values (1, 1)",
                acts: [
                    {
                        up: "alter table public.items alter owner drop not null;\nalter table public.items add column name text;",
                        down: "-- archive-rows: public.items where owner is null\nalter table public.items drop column name;\nalter table public.items alter owner set not null;",
                    },
                ],
            },
            async play => {
                const { client } = play;
                play.archives = false;
                await client.query("insert into public.items values (7, null, 'a'), (8, null, 'b'), (9, 9, 'c')");
                await assert.rejects(
                    play.down(),
                    /0001_act cannot be rolled back while public\.items has rows where owner is null: 2 of them, the first with id = 7\./,
                );
                assert.deepEqual(await play.rows("public.items"), ["(1,1,)", "(7,,a)", "(8,,b)", "(9,9,c)"]);
                await client.query("delete from public.items where owner is null");
                await play.down();
                assert.deepEqual(await play.rows("public.items"), ["(1,1)", "(9,9)"]);
                assert.deepEqual(await play.archive(), []);
            },
        ));

    it("a directive that PostgreSQL cannot use is named, and nothing is changed", () =>
        stage.play(
            {
                before: "create table public.items (id integer primary key, owner integer not null)",
                acts: [
                    {
                        up: "alter table public.items alter owner drop not null;",
                        down: "-- archive-rows: public.items where ownr is null\nalter table public.items alter owner set not null;",
                    },
                ],
            },
            async play => {
                for (const archives of [true, false]) {
                    play.archives = archives;
                    await assert.rejects(play.down(), {
                        name: "SqlError",
                        message: `sql/0001_act/down.sql: "archive-rows: public.items where ownr is null" cannot be used: column "ownr" does not exist`,
                    });
                }
            },
        ));

    it("rows that a trigger keeps in the table stop the rollback, and nothing is changed", () =>
        stage.play(
            {
                before: `create table public.items (id integer primary key, owner integer not null); insert into public.items values (1, 1);
                    create function public.keep() returns trigger language plpgsql as 'begin return null; end';
                    create trigger items_keep before delete on public.items for each row when (old.id = 3) execute function public.keep()`,
                acts: [
                    {
                        up: "alter table public.items alter owner drop not null;",
                        down: "-- archive-rows: public.items where owner is null\nalter table public.items alter owner set not null;",
                    },
                ],
            },
            async play => {
                await play.client.query("insert into public.items values (2, null), (3, null)");
                await assert.rejects(
                    play.down(),
                    /2 rows of public\.items \(owner is null\) have to leave it, and 1 did: a trigger or rule/,
                );
                assert.deepEqual(await play.rows("public.items"), ["(1,1)", "(2,)", "(3,)"]);
                assert.deepEqual(await play.archive(), []);
            },
        ));

    it("rows that others would follow into nothing are not taken out", () =>
        stage.play(
            {
                before: `create table public.items (id integer primary key, owner integer not null); insert into public.items values (1, 1);
                    create table public.notes (item integer references public.items on delete cascade)`,
                acts: [
                    {
                        up: "alter table public.items alter owner drop not null;",
                        down: "-- archive-rows: public.items where owner is null\nalter table public.items alter owner set not null;",
                    },
                ],
            },
            async play => {
                await assert.rejects(
                    play.down(),
                    /rows of public\.items \(owner is null\) have to leave it, and notes would change/,
                );
                assert.deepEqual(await play.archive(), []);
            },
        ));

    for (const [what, table, names] of [
        ["of a partitioned table, whose partition they point at", "public.items", "notes, tags"],
        ["of a partition, whose table they point at", "public.items_1", "notes, tags"],
        ["of another partition than they point at", "public.items_2", "tags"],
    ] as const) {
        it(`nor are those ${what}, and each of the others is named once`, () =>
            stage.play(
                {
                    before: `create table public.items (id integer primary key, owner integer) partition by range (id);
                        create table public.items_1 partition of public.items (owner not null) for values from (1) to (10);
                        create table public.items_2 partition of public.items (owner not null) for values from (10) to (20);
                        insert into public.items values (1, 1), (11, 1);
                        create table public.notes (item integer references public.items_1 on delete cascade);
                        create table public.tags (item integer references public.items on delete set null) partition by list (item);
                        create table public.tags_1 partition of public.tags default;
                        create table public.others (item integer references public.items)`,
                    acts: [
                        {
                            up: `alter table ${table === "public.items" ? "public.items_1" : table} alter owner drop not null;`,
                            down: `-- archive-rows: ${table} where owner is null\nalter table ${table === "public.items" ? "public.items_1" : table} alter owner set not null;`,
                        },
                    ],
                },
                async play => {
                    const at = table === "public.items_2" ? 12 : 2;
                    await play.client.query(
                        `insert into public.items values (${at}, null); insert into public.tags values (${at})`,
                    );
                    if (at === 2) await play.client.query("insert into public.notes values (2)");
                    await assert.rejects(play.down(), (error: Error) => {
                        assert.equal(
                            error.message.split("\n")[0],
                            `rows of ${table} (owner is null) have to leave it, and ${names} would change with them.`,
                        );
                        return true;
                    });
                    assert.deepEqual(await play.rows("public.notes"), at === 2 ? ["(2)"] : []);
                    assert.deepEqual(await play.archive(), []);
                },
            ));
    }

    for (const [what, refuse, said] of [
        [
            "a foreign key holds",
            "create table public.notes (item integer references public.items); insert into public.notes values (1)",
            /have to leave it, and PostgreSQL refuses that: update or delete on table "items" violates foreign key constraint .*\n {2}detail: Key \(id\)=\(2\) is still referenced/,
        ],
        [
            "a trigger speaks up for",
            `create function public.keep() returns trigger language plpgsql as $$ begin raise 'not that one' using detail = 'It is dear.'; end $$;
             create trigger items_keep before delete on public.items for each row execute function public.keep()`,
            /have to leave it, and PostgreSQL refuses that: not that one\n {2}detail: It is dear\.$/,
        ],
    ] as const) {
        it(`rows that ${what} stop the rollback in words, and nothing is changed`, () =>
            stage.play(
                {
                    before: `create table public.items (id integer primary key, owner integer not null); insert into public.items values (1, 1); ${refuse}`,
                    acts: [
                        {
                            up: "alter table public.items alter owner drop not null;",
                            down: "-- archive-rows: public.items where owner is null\nalter table public.items alter owner set not null;",
                        },
                    ],
                },
                async play => {
                    await play.client.query("insert into public.items values (2, null)");
                    if (refuse.includes("notes")) await play.client.query("insert into public.notes values (2)");
                    await assert.rejects(play.down(), (error: Error) => {
                        assert.ok(error instanceof UserError);
                        assert.match(error.message, said);
                        return true;
                    });
                    assert.deepEqual(await play.rows("public.items"), ["(1,1)", "(2,)"]);
                    assert.deepEqual(await play.archive(), []);
                },
            ));
    }

    it("rows of a table that inherits do not leave it, with columns that its own table has not: down says so", () =>
        stage.play(
            {
                before: `create table public.items (id integer, owner integer not null); create table public.heirs (more text) inherits (public.items);
                    insert into public.items values (1, 1)`,
                acts: [
                    {
                        up: "alter table public.items alter owner drop not null;",
                        down: "-- archive-rows: public.items where owner is null\nalter table public.items alter owner set not null;",
                    },
                ],
            },
            async play => {
                const { client } = play;
                await client.query(
                    "insert into public.items values (2, null); insert into public.heirs values (3, null, 'dear')",
                );
                play.archives = false;
                await assert.rejects(play.down(), /public\.items has rows where owner is null: 1 of them, /);
                play.archives = true;
                await assert.rejects(play.down(), /column "owner" of relation "heirs" contains null values/);
                assert.deepEqual(await play.rows("public.heirs"), ["(3,,dear)"]);
                await client.query("update public.heirs set owner = 3");
                await play.again();
                assert.deepEqual(await play.rows("only public.items"), ["(1,1)", "(2,)"]);
                assert.deepEqual(await play.rows("public.heirs"), ["(3,3,dear)"]);
            },
        ));

    it("what down declares as not worth keeping is not kept", () =>
        stage.play(
            {
                acts: [
                    {
                        up: "create table public.cache (id integer);\ncreate table public.items (id integer);",
                        down: "-- not-archived: public.cache\ndrop table public.items;\ndrop table public.cache;",
                    },
                ],
            },
            async play => {
                await play.client.query("insert into public.cache values (1); insert into public.items values (1)");
                await play.again();
                assert.deepEqual(await play.rows("public.items"), ["(1)"]);
                assert.deepEqual(await play.rows("public.cache"), []);
            },
        ));
});
