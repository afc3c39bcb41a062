import assert from "node:assert/strict";
import { type Act, onStage } from "../rows/play.ts";

const partitioned = `
    create table public.runs (id integer primary key, size integer) partition by range (id);
    create table public.runs_1 partition of public.runs for values from (0) to (10);
    create table public.runs_2 partition of public.runs for values from (10) to (20);
    create table public.owners (id integer primary key);
    create function public.touch() returns trigger language plpgsql as $$ begin return new; end $$`;

const much: Act = {
    up: `
        alter table public.runs add column name text default 'none', add column owner integer references public.owners;
        alter table public.runs add constraint runs_name check (name <> ''), add constraint runs_key unique (id, name);
        create index runs_owner on public.runs (owner);
        create trigger touch before update on public.runs for each row execute function public.touch();`,
    down: `
        drop trigger touch on public.runs;
        drop index public.runs_owner;
        alter table public.runs drop constraint runs_key, drop constraint runs_name;
        alter table public.runs drop column name, drop column owner;`,
};

const less: Act = {
    up: "alter table public.runs drop column size;",
    down: "-- not-restored: column order of public.runs_1\nalter table public.runs add column size integer;",
};

/** As tools that keep partitions by time do, while the migration is applied. */
const meanwhile = `
    create table public.runs_3 partition of public.runs for values from (20) to (30);
    alter table public.runs_3 alter column name set default 'third';
    comment on column public.runs_3.name is 'Of the third.';
    grant select (name) on public.runs_3 to anon;
    create table public.runs_4 (like public.runs including all);
    alter table public.runs attach partition public.runs_4 for values from (30) to (40);
    insert into public.runs (id, name) values (1, 'a'), (21, 'c'), (31, 'd');`;

onStage("partitions that come and go while a migration is applied", stage => {
    it("its down takes from new ones what up gave their table, and up gives it to all of them", () =>
        stage.play({ before: partitioned, acts: [much] }, async play => {
            await play.client.query(meanwhile);
            await play.again();
            const names = "select id, name from public.runs order by id";
            const rows = [
                { id: 1, name: "a" },
                { id: 21, name: "c" },
                { id: 31, name: "d" },
            ];
            assert.deepEqual((await play.client.query(names)).rows, rows);
            await play.again();
            assert.deepEqual((await play.client.query(names)).rows, rows);
        }));

    it("one that was dropped is not missed; one that was detached has what up gave it, and down must say so", () =>
        stage.play({ before: partitioned, acts: [much] }, async play => {
            await play.client.query("drop table public.runs_1");
            await play.again();
            await play.client.query("alter table public.runs detach partition public.runs_2");
            await assert.rejects(play.down(), /left behind: column public\.runs_2\.name/);
        }));

    it("those of partitions follow as well", () =>
        stage.play({ before: partitioned, acts: [much] }, async play => {
            await play.client.query(`
                create table public.runs_3 partition of public.runs for values from (20) to (30) partition by range (id);
                create table public.runs_3_1 partition of public.runs_3 for values from (20) to (25);
                insert into public.runs (id, name) values (21, 'c')`);
            await play.again();
            assert.deepEqual((await play.client.query("select name from public.runs_3_1")).rows, [{ name: "c" }]);
        }));

    it("a foreign key that points at their table goes with the parts of it that point at new ones", () =>
        stage.play(
            {
                before: partitioned,
                acts: [
                    {
                        up: "create table public.notes (run integer references public.runs);\nalter table public.owners add column run integer references public.runs;",
                        down: "alter table public.owners drop column run;\ndrop table public.notes;",
                    },
                ],
            },
            async play => {
                await play.client.query(
                    "create table public.runs_3 partition of public.runs for values from (20) to (30)",
                );
                await play.again();
            },
        ));

    it("a trigger for each statement that a partition has of its own is not its table's", () =>
        stage.play(
            {
                before: partitioned,
                acts: [
                    {
                        up: "create trigger told after insert on public.runs for each statement execute function public.touch();",
                        down: "drop trigger told on public.runs;\ndrop trigger told on public.runs_2;",
                    },
                ],
            },
            async play => {
                await play.client.query(
                    "create trigger told after insert on public.runs_2 for each statement execute function public.touch()",
                );
                await assert.rejects(play.down(), /gone: trigger told on public\.runs_2, which up did not make/);
            },
        ));

    it("down may bring back to new ones what up took from their table", () =>
        stage.play({ before: partitioned, acts: [less] }, async play => {
            await play.client.query("create table public.runs_3 partition of public.runs for values from (20) to (30)");
            await play.again();
        }));

    it("what up changed of an old column changes back in new ones too, but not what they have of their own", () =>
        stage.play(
            {
                before: `${partitioned};\nalter table public.runs add column note text, add constraint runs_size check (size > 0)`,
                acts: [
                    {
                        up: `
                            alter table public.runs alter column note set default 'none', alter column note set not null;
                            alter table public.runs alter column size type bigint, alter column note set storage external;
                            alter table public.runs drop constraint runs_size, add constraint runs_size check (size > 1);`,
                        down: `
                            alter table public.runs drop constraint runs_size, add constraint runs_size check (size > 0);
                            alter table public.runs alter column note set storage extended, alter column size type integer;
                            alter table public.runs alter column note drop not null, alter column note drop default;`,
                    },
                ],
            },
            async play => {
                await play.client.query(`
                    create table public.runs_3 partition of public.runs for values from (20) to (30) partition by range (id);
                    create table public.runs_3_1 partition of public.runs_3 for values from (20) to (25);
                    create table public.runs_4 (like public.runs including all);
                    alter table public.runs attach partition public.runs_4 for values from (30) to (40)`);
                await play.again();
                await play.again();
                await play.client.query(`
                    create table public.runs_5 partition of public.runs for values from (40) to (50);
                    alter table public.runs_5 alter column note set default 'own'`);
                await assert.rejects(play.down(), ({ message }: Error) => {
                    assert.match(message, /gone: default of column public\.runs_5\.note, which up did not make$/m);
                    assert.doesNotMatch(message, /runs_[34]|runs_5\.size/);
                    return true;
                });
            },
        ));

    it("a table that merely inherits loses what is not archived: that is refused", () =>
        stage.play(
            {
                before: "create table public.runs (id integer primary key)",
                acts: [
                    {
                        up: "alter table public.runs add column name text;",
                        down: "alter table public.runs drop column name;",
                    },
                ],
            },
            async play => {
                await play.client.query(`
                    create table public.special (size integer) inherits (public.runs);
                    insert into public.special (id, name) values (1, 'kept')`);
                await assert.rejects(play.down(), /gone: column public\.special\.name, which up did not make/);
                assert.deepEqual((await play.client.query("select name from public.special")).rows, [{ name: "kept" }]);
            },
        ));

    it("what a partition has of its own, down must leave alone", () =>
        stage.play(
            {
                before: partitioned,
                acts: [{ ...much, down: `${much.down}\nalter table public.runs_3 drop constraint runs_3_size;` }],
            },
            async play => {
                await play.client.query(`
                    create table public.runs_3 partition of public.runs for values from (20) to (30);
                    alter table public.runs_3 add constraint runs_3_size check (size > 0)`);
                await assert.rejects(play.down(), ({ message }: Error) => {
                    assert.match(message, /gone: constraint runs_3_size on public\.runs_3, which up did not make$/m);
                    assert.doesNotMatch(message, /runs_3\.name|runs_name/);
                    return true;
                });
            },
        ));
});
