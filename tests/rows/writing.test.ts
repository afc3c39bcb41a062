import assert from "node:assert/strict";
import { onStage } from "./play.ts";

// Hosted Supabase rounds floats; the others make a text that reads as another value, or as none, elsewhere.
const settings = { extra_float_digits: "0", datestyle: "SQL, DMY", intervalstyle: "sql_standard" };

onStage(
    "values that are kept as text, on a server that writes them in its own way",
    stage => {
        it("come back whole in a table", () =>
            stage.play(
                {
                    acts: [
                        {
                            up: `create domain public.score as real;
                             create domain public.day as date;
                             create domain public.moment as timestamptz;
                             create domain public.span as interval;
                             create type public.spot as (x float8, at timestamptz);
                             create type public.stretch as range (subtype = float8);
                             create table public.items (
                                 id integer primary key, score public.score, day public.day, moment public.moment, span public.span,
                                 spot public.spot, stretch public.stretch, scores public.score[]
                             );`,
                            down: `drop table public.items;
                               drop type public.stretch, public.spot;
                               drop domain public.span, public.moment, public.day, public.score;`,
                        },
                    ],
                },
                async play => {
                    const { client } = play;
                    await client.query(
                        `insert into public.items values (
                             1, 0.12345678, '2024-02-03', '2024-02-03 04:05:06.789012+00', '-1 day +02:00:00',
                             row(0.1::float8 + 0.2, '2024-02-03 04:05:06+00'), public.stretch(0.1::float8 + 0.2, 0.5), '{0.12345678}'
                         )`,
                    );
                    const read = async () => {
                        await client.query("begin; set local extra_float_digits = 3; set local datestyle = 'ISO'");
                        const rows = await play.rows("public.items");
                        await client.query("commit");
                        return rows;
                    };
                    const expected = await read();
                    assert.match(expected[0] ?? "", /0\.12345678,.*0\.30000000000000004/);
                    await play.again();
                    assert.deepEqual(await read(), expected);
                    assert.deepEqual(await play.archive(), []);
                },
            ));

        it("tell rows apart that have no other key", () =>
            stage.play(
                {
                    before: `create table public.items (size float8, moved boolean);
                         insert into public.items values (0.3), (0.1::float8 + 0.2)`,
                    acts: [
                        {
                            up: "alter table public.items add column name text;",
                            down: "alter table public.items drop column name;",
                        },
                    ],
                },
                async play => {
                    const { client } = play;
                    await client.query("update public.items set name = case size when 0.3 then 'a' else 'b' end");
                    await play.down();
                    // In another order.
                    await client.query("update public.items set size = size where size = 0.3");
                    await play.up();
                    const { rows } = await client.query("select name from public.items order by size");
                    assert.deepEqual(rows, [{ name: "a" }, { name: "b" }]);
                },
            ));

        it("are no row of up's own that merely looks the same", () =>
            stage.play(
                {
                    acts: [
                        {
                            up: "create table public.items (size float8);\ninsert into public.items values (0.3);",
                            down: "drop table public.items;",
                        },
                    ],
                },
                async play => {
                    await play.client.query("update public.items set size = 0.1::float8 + 0.2");
                    await play.again();
                    const { rows } = await play.client.query("select count(distinct size)::integer from public.items");
                    assert.deepEqual(rows, [{ count: 2 }]);
                },
            ));

        it("are the project's again for down and for what comes after", () =>
            stage.play(
                {
                    acts: [
                        {
                            up: "create table public.items (id integer);\ncreate table public.seen (part text);",
                            down: `drop table public.items;
                               do $$ begin
                                   if current_setting('extra_float_digits') <> '0' or current_setting('datestyle') <> 'SQL, DMY' or current_setting('intervalstyle') <> 'sql_standard'
                                   then raise 'it is not as the server has it'; end if;
                               end $$;
                               drop table public.seen;`,
                        },
                    ],
                },
                async play => {
                    await play.client.query("insert into public.items values (1)");
                    await play.again();
                    assert.deepEqual(await play.rows("public.items"), ["(1)"]);
                },
            ));
    },
    settings,
);
