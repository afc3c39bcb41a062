import assert from "node:assert/strict";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { type Act, type Play, onStage } from "./play.ts";

/** More than a table may have whose writers wait while it is read: 70 MB. */
const large = `
    create table public.items (id integer primary key, filler text);
    -- Who vacuums it has it locked as a rollback would.
    alter table public.items set (autovacuum_enabled = off);
    alter table public.items alter filler set storage plain;
    insert into public.items select n, repeat('x', 7900) from generate_series(1, 8600) as n`;

const named: Act = {
    up: "alter table public.items add column name text, add column size integer;",
    down: "alter table public.items drop column name, drop column size;",
};

const filled = "update public.items set name = 'name ' || id, size = id where id % 2 = 0";

/** What there is of captures anywhere. */
async function captures({ admin }: SqlProject): Promise<string[]> {
    const { rows } = await admin.query<{ what: string }>(`
        select 'trigger' as what from pg_trigger where tgname like 'simulation_db_capture%' and tgparentid = 0
        union all select 'function' from pg_proc where proname like 'simulation_db_capture%'
        union all select 'table' from pg_class where relname like 'simulation_db_capture%' order by 1`);
    return rows.map(({ what }) => what);
}

const all = ["function", "table", "trigger"];

/** What the rollback says when it copies the columns behind a lock after all. */
const behindLock = /others wait while|not while others write/;

/** A reader's open transaction keeps the rollback from its lock once the columns are copied; what others do meanwhile; and on. */
async function during(
    { project, said }: { readonly project: SqlProject; readonly said: () => string },
    rollback: () => Promise<unknown>,
    work: () => Promise<void>,
    atLast: RegExp | undefined = undefined,
): Promise<void> {
    const reader = await project.connect();
    await reader.query("begin; select from public.items limit 1");
    const over = rollback();
    over.catch(() => {});
    try {
        await until("the rollback gives way", async () => /^attempt 1 gave way/m.test(said()));
        assert.deepEqual(await captures(project), all);
        await work();
    } finally {
        await reader.query("commit");
    }
    await over;
    if (atLast) assert.match(said(), atLast);
    else assert.doesNotMatch(said(), behindLock);
}

/** The same for a play. */
const duringDown = (play: Play, work: () => Promise<void>, atLast?: RegExp) =>
    during({ project: play.project, said: () => play.said.join("\n") }, () => play.down(), work, atLast);

const values = "select id, name, size from public.items where id <= 6 or id > 8600 order by id";

onStage("columns that leave a large table", stage => {
    it("others go on writing to it while they are copied, and nothing of it is lost", () =>
        stage.play({ before: large, acts: [named] }, async play => {
            const { client, project } = play;
            await client.query(filled);
            await duringDown(play, async () => {
                await client.query("update public.items set name = 'late' where id = 1");
                await client.query("update public.items set size = 22 where id = 2");
                await client.query("update public.items set name = null, size = null where id = 4");
                await client.query("update public.items set id = 8606 where id = 6");
                await client.query("insert into public.items values (6, null, 'another', 66), (8601, null, 'new', 1)");
                await client.query("insert into public.items values (8602, null, 'new', 2)");
                await client.query("delete from public.items where id = 8602");
                await client.query("begin; update public.items set name = 'never'; rollback");
            });
            assert.deepEqual(await captures(project), []);
            const [part] = await play.archive();
            assert.equal(part?.rows, 4302);
            const kept = `select count(*)::integer as rows from simulation_db_archive.${part?.archive}`;
            assert.deepEqual((await client.query(kept)).rows, [{ rows: 4302 }]);
            await play.up();
            assert.deepEqual((await client.query(values)).rows, [
                { id: 1, name: "late", size: null },
                { id: 2, name: "name 2", size: 22 },
                { id: 3, name: null, size: null },
                { id: 4, name: null, size: null },
                { id: 5, name: null, size: null },
                { id: 6, name: "another", size: 66 },
                { id: 8601, name: "new", size: 1 },
                { id: 8606, name: "name 6", size: 6 },
            ]);
            const rest = "select from public.items where id > 6 and id <= 8600 and name = 'name ' || id and size = id";
            assert.equal((await client.query(rest)).rowCount, 4297);
            // The proof of undo has seen nothing of it.
            await play.again();
        }));

    it("the lock is tried for again without copying anew, for as long as anybody reads", () =>
        stage.play({ before: large, acts: [named] }, async play => {
            await play.client.query(filled);
            let tables: unknown;
            await duringDown(play, async () => {
                const made = () => play.project.admin.query("select pg_snapshot_xmin(pg_current_snapshot())");
                tables = (await made()).rows;
                await until("three attempts", async () => play.said.some(line => /^attempt 3 /.test(line)));
                // The transaction that has copied them is still the oldest.
                assert.deepEqual((await made()).rows, tables);
            });
            assert.ok(play.said.some(line => /^the lock is held by server process \d+: postgres/.test(line)));
        }));

    it("it is the same for whoever may only write, and for a replica's session, for which other triggers do not fire", () =>
        stage.play(
            {
                before: `${large}; grant usage on schema public to authenticated; grant select, update on public.items to authenticated`,
                acts: [named],
            },
            async play => {
                await duringDown(play, async () => {
                    await play.client.query(
                        "set role authenticated; update public.items set size = 1 where id = 1; reset role",
                    );
                    await play.project.admin.query(
                        "set session_replication_role = replica; update public.items set size = 2 where id = 2; reset session_replication_role",
                    );
                });
                await play.up();
                const { rows } = await play.client.query(
                    "select id, size from public.items where size is not null order by id",
                );
                assert.deepEqual(rows, [
                    { id: 1, size: 1 },
                    { id: 2, size: 2 },
                ]);
            },
        ));

    it("a key of several columns, of a project's own type and with names like the trigger's own finds them as well", () =>
        stage.play(
            {
                before: `
                    create domain public.code as text collate "C";
                    create table public.items ("old" public.code, tg_op integer, "New" numeric, filler text, primary key ("New", "old", tg_op));
                    alter table public.items alter filler set storage plain;
                    insert into public.items select 'c' || n, n, n, repeat('x', 7900) from generate_series(1, 8600) as n`,
                acts: [named],
            },
            async play => {
                await play.client.query("update public.items set name = 'before'");
                await duringDown(play, async () => {
                    await play.client.query(`update public.items set "New" = 1.00, name = 'same' where tg_op = 1`);
                    await play.client.query(`update public.items set "old" = 'other', name = 'moved' where tg_op = 2`);
                    await play.client.query("delete from public.items where tg_op = 3");
                });
                await play.up();
                const { rows } = await play.client.query(
                    "select name, count(*)::integer from public.items group by 1 order by 1",
                );
                assert.deepEqual(rows, [
                    { name: "before", count: 8597 },
                    { name: "moved", count: 1 },
                    { name: "same", count: 1 },
                ]);
            },
        ));

    it("nothing of what many write at once is lost or comes back twice", () =>
        stage.play({ before: large, acts: [named] }, async play => {
            const written = new Map<number, string | undefined>();
            let over = false;
            const write = async (writer: number) => {
                const client = await play.project.connect();
                for (let turn = 0; !over; turn += 1) {
                    const id = 1 + writer + 8 * Math.floor(Math.random() * 1000);
                    const name = `${writer}/${turn}`;
                    const [sql, after] =
                        turn % 5 === 4
                            ? ["update public.items set name = null where id = $1 and $2 <> ''", undefined]
                            : ["update public.items set name = $2 where id = $1", name];
                    try {
                        await client.query(sql, [id, name]);
                        written.set(id, after);
                    } catch (error) {
                        assert.equal((error as { code?: string }).code, "42703");
                        return;
                    }
                }
            };
            const writers = [0, 1, 2, 3].map(write);
            await until("they write", () => written.size > 150);
            await play.down();
            over = true;
            await Promise.all(writers);
            await play.up();
            const { rows } = await play.client.query<{ id: number; name: string }>(
                "select id, name from public.items where name is not null order by id",
            );
            const expected = [...written]
                .filter(([, name]) => name !== undefined)
                .toSorted(([one], [other]) => one - other);
            assert.ok(expected.length > 100, `only ${expected.length} rows were written`);
            assert.deepEqual(
                rows.map(({ id, name }) => [id, name]),
                expected,
            );
        }));

    it("where the lock is not to be had, it ends after the time for it, and the next one begins anew", async () => {
        const project = await sqlProject(stage.cluster, { "0001_act": { ...named, verify: "select 1;" } });
        try {
            await project.client.query(large);
            await project.must("migrate up");
            await project.client.query(filled);
            const reader = await project.connect();
            await reader.query("begin; select from public.items limit 1");
            const env = { SIMULATION_DB_RETRY_FOR_MS: "4000" };
            const { code, stderr } = await project.run("migrate down", { env });
            assert.equal(code, 1);
            assert.match(stderr, /tried \d+ times in 4 s/);
            assert.match(stderr, /^0001_act: what it has put on the tables for that stays until the next run$/m);
            assert.doesNotMatch(stderr, /again, and they wait/);
            await reader.query("commit");
            await project.must("migrate down");
            assert.deepEqual(await captures(project), []);
            await project.must("migrate up");
            assert.equal((await project.client.query("select from public.items where size = id")).rowCount, 4300);
        } finally {
            await project.remove();
        }
    });

    it("a key is the same however a writer's session writes it down", () =>
        stage.play(
            {
                before: `
                    create domain public.moment as timestamptz;
                    create collation public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
                    create table public.items (at public.moment, name_key text collate public.any_case, filler text, primary key (at, name_key));
                    alter table public.items alter filler set storage plain;
                    insert into public.items select timestamptz '2024-01-01' + n * interval '1 day', 'Key' || n, repeat('x', 7900)
                    from generate_series(1, 8600) as n`,
                acts: [named],
            },
            async play => {
                await play.client.query("update public.items set name = 'old'");
                await duringDown(play, async () => {
                    const other = await play.project.connect();
                    await other.query("set timezone = 'Asia/Tokyo'; set datestyle = 'SQL, DMY'");
                    const first = "at < '2024-01-12 00:00+00'";
                    await other.query(`update public.items set name = 'new' where ${first}`);
                    await other.query(`update public.items set name_key = upper(name_key) where ${first}`);
                    await other.query(`update public.items set size = 1 where ${first}`);
                });
                const [part] = await play.archive();
                assert.equal(part?.rows, 8600);
                await play.up();
                const { rows } = await play.client.query(
                    "select name, size, count(*)::integer from public.items group by 1, 2 order by 1",
                );
                assert.deepEqual(rows, [
                    { name: "new", size: 1, count: 10 },
                    { name: "old", size: null, count: 8590 },
                ]);
            },
        ));

    it("a new key that a writer's session would write like the old one is another all the same", () =>
        stage.play(
            {
                before: `
                    create table public.items (id float8 primary key, filler text);
                    alter table public.items alter filler set storage plain;
                    insert into public.items select n, repeat('x', 7900) from generate_series(1, 8600) as n`,
                acts: [named],
            },
            async play => {
                await play.client.query("update public.items set name = 'old'");
                await duringDown(play, async () => {
                    const other = await play.project.connect();
                    await other.query("set extra_float_digits = 0");
                    await other.query("update public.items set id = 1 + 4e-16::float8 where id = 1");
                });
                await play.up();
                assert.equal((await play.client.query("select from public.items where name = 'old'")).rowCount, 8600);
            },
        ));

    it("where somebody has switched the table's triggers off meanwhile, the columns are copied behind a lock", () =>
        stage.play({ before: large, acts: [named] }, async play => {
            await play.client.query(filled);
            await duringDown(
                play,
                async () =>
                    void (await play.client.query(`
                        begin;
                        alter table public.items disable trigger user;
                        update public.items set name = 'unnoted' where id = 2;
                        insert into public.items values (8601, null, 'unnoted', 1);
                        alter table public.items enable trigger user;
                        commit`)),
                /not while others write \(somebody has changed the triggers/,
            );
            assert.deepEqual(await captures(play.project), []);
            await play.up();
            const { rows } = await play.client.query("select id from public.items where name = 'unnoted' order by id");
            assert.deepEqual(rows, [{ id: 2 }, { id: 8601 }]);
        }));

    it("of what one writes who changes hundreds of rows again and again nothing is lost", () =>
        stage.play({ before: large.replace("7900", "790").replace("8600", "86000"), acts: [named] }, async play => {
            const writer = await play.project.connect();
            let over = false;
            let written = 0;
            const writing = (async () => {
                for (let turn = 1; !over; turn += 1) {
                    try {
                        await writer.query("update public.items set size = $1 where id % 100 = 0", [turn]);
                        written = turn;
                    } catch (error) {
                        assert.equal((error as { code?: string }).code, "42703");
                        return;
                    }
                }
            })();
            await until("it writes", async () => written > 1);
            await play.down();
            over = true;
            await writing;
            await play.up();
            const { rows } = await play.client.query(
                "select size, count(*)::integer from public.items where size is not null group by 1",
            );
            assert.deepEqual(rows, [{ size: written, count: 860 }]);
        }));

    it("a key that an extension compares is copied behind a lock, and its trigger is in nobody's way", () =>
        stage.play(
            {
                before: `create schema ext; create extension citext schema ext;
                    ${large.replace("id integer primary key", "id integer not null, code ext.citext primary key").replace("select n,", "select n, 'code ' || n,")}`,
                acts: [named],
            },
            async play => {
                await play.client.query(filled);
                const reader = await play.project.connect();
                await reader.query("begin; select from public.items limit 1");
                const going = play.down();
                await until("the rollback gives way", async () => play.said.some(line => line.startsWith("attempt 1")));
                assert.deepEqual(await captures(play.project), []);
                await reader.query("commit");
                await going;
                await play.up();
                await play.project.admin.query("drop schema ext cascade");
            },
        ));

    it("who forbids triggers has the columns copied behind a lock", () =>
        stage.play({ before: large, acts: [named] }, async play => {
            await play.client.query(filled);
            await play.project.admin.query(`
                create function public.forbid() returns event_trigger language plpgsql as $$ begin raise exception 'no triggers here'; end $$;
                create event trigger forbid on ddl_command_start when tag in ('CREATE TRIGGER') execute function public.forbid()`);
            try {
                await play.down();
            } finally {
                await play.project.admin.query("drop event trigger forbid");
            }
            assert.ok(play.said.includes("0001_act: others wait while columns are archived (no triggers here)"));
            await play.up();
            assert.equal((await play.client.query("select from public.items where size = id")).rowCount, 4300);
        }));

    it("who looks at the notes keeps nothing but the lock from being had", () =>
        stage.play({ before: large, acts: [named] }, async play => {
            const other = await play.project.connect();
            const attempts = () => play.said.filter(line => line.startsWith("attempt ")).length;
            let over: Promise<void> | undefined;
            await duringDown(play, async () => {
                await other.query("begin; select from simulation_db_archive.simulation_db_capture_0001_1");
                over = (async () => {
                    // The reader of the table has gone by the second one of these.
                    const before = attempts();
                    await until("it has waited", async () => attempts() > before + 2);
                    await other.query("commit");
                })();
            });
            await over;
            assert.deepEqual(await captures(play.project), []);
        }));

    it("the lock is tried for again also where small tables go with them, and what others change in the catalog is not down's", () => {
        const acts = [
            {
                up: `${named.up}\ncreate table public.small (id integer primary key);`,
                down: `drop table public.small;\n${named.down}`,
            },
        ];
        return stage.play({ before: large, acts }, async play => {
            const { client } = play;
            await client.query(`${filled}; insert into public.small values (1)`);
            const smallReader = await play.project.connect();
            const attempts = () => play.said.filter(line => line.startsWith("attempt ")).length;
            let over: Promise<void> | undefined;
            await duringDown(play, async () => {
                const oldest = () => play.project.admin.query("select pg_snapshot_xmin(pg_current_snapshot())");
                const copying = (await oldest()).rows;
                await client.query(
                    "create table public.theirs (id integer); create index items_filler on public.items (filler) where id = 0",
                );
                await client.query("insert into public.small values (2)");
                await smallReader.query("begin; select from public.small");
                over = (async () => {
                    const before = attempts();
                    await until("it has waited for both", async () => attempts() > before + 3);
                    assert.deepEqual((await oldest()).rows, copying);
                    await smallReader.query("commit");
                })();
            });
            await over;
            await play.up();
            const { rows } = await client.query(
                "select count(*)::integer as small, (select count(*)::integer from public.items where size = id) as sizes from public.small",
            );
            assert.deepEqual(rows, [{ small: 2, sizes: 4300 }]);
        });
    });

    it("a down that fails leaves nothing on the table", () => {
        const acts = [{ ...named, down: `${named.down}\nselect 1 / 0;` }];
        return stage.play({ before: large, acts }, async play => {
            await assert.rejects(play.down(), /division by zero/);
            assert.deepEqual(await captures(play.project), []);
            await play.client.query("update public.items set name = 'there' where id = 1");
        });
    });

    it("they are copied so also where rows leave as well, and a foreign key is still to be looked at", () => {
        const before = `${large};
            create table public.notes (item integer references public.items deferrable initially deferred)`;
        const down = `-- archive-rows: public.items where size = -1\nset constraints all immediate;\n${named.down}`;
        return stage.play({ before, acts: [{ ...named, down }] }, async play => {
            await play.client.query(`${filled}; insert into public.items values (8601, null, 'leaves', -1)`);
            await play.down();
            assert.doesNotMatch(play.said.join("\n"), behindLock);
            assert.equal((await play.client.query("select from public.items where id > 8600")).rowCount, 0);
            await play.up();
            assert.equal(
                (await play.client.query("select from public.items where size = id or size = -1")).rowCount,
                4301,
            );
        });
    });

    it("rows that nothing tells apart are copied behind a lock, as ever", () =>
        stage.play({ before: large.replace(" primary key", ""), acts: [named] }, async play => {
            await play.client.query(filled);
            await play.again();
            assert.equal((await play.client.query("select from public.items where size = id")).rowCount, 4300);
        }));

    describe("of partitions", () => {
        const partitioned = large
            .replace(
                "filler text);",
                `filler text) partition by range (id);
                 create table public.items_1 partition of public.items for values from (0) to (8601);
                 create table public.items_2 partition of public.items for values from (8601) to (8700);`,
            )
            .replaceAll(/alter table public\.items (alter|set)/g, "alter table public.items_1 $1");

        it("leave like that too, rows that move between them included", () =>
            stage.play({ before: partitioned, acts: [named] }, async play => {
                const { client } = play;
                await client.query(filled);
                await duringDown(play, async () => {
                    await client.query("update public.items set name = 'late' where id = 1");
                    await client.query("update public.items set id = 8602, name = 'moved' where id = 2");
                    await client.query("delete from public.items where id = 4");
                });
                assert.deepEqual(await captures(play.project), []);
                await play.up();
                assert.deepEqual((await client.query(values)).rows, [
                    { id: 1, name: "late", size: null },
                    { id: 3, name: null, size: null },
                    { id: 5, name: null, size: null },
                    { id: 6, name: "name 6", size: 6 },
                    { id: 8602, name: "moved", size: 2 },
                ]);
            }));

        it("are copied behind a lock when one was added meanwhile, with rows that nobody has noted", () =>
            stage.play({ before: partitioned, acts: [named] }, async play => {
                const { client } = play;
                await duringDown(
                    play,
                    async () =>
                        void (await client.query(`
                            create table public.items_3 (like public.items including all);
                            insert into public.items_3 values (8701, null, 'attached', 1);
                            alter table public.items attach partition public.items_3 for values from (8701) to (9000)`)),
                    /not while others write \(somebody has changed the triggers or partitions of public\.items/,
                );
                await play.up();
                const { rows } = await client.query("select id, name, size from public.items where size is not null");
                assert.deepEqual(rows, [{ id: 8701, name: "attached", size: 1 }]);
                await play.again();
            }));
    });

    /** A rollback that was killed once the columns were copied; what then. */
    async function killed(work: (project: SqlProject) => Promise<void>): Promise<void> {
        const project = await sqlProject(stage.cluster, { "0001_act": { ...named, verify: "select 1;" } });
        try {
            await project.client.query(large);
            await project.must("migrate up");
            await project.client.query(filled);
            const run = project.start("migrate down --to 0000");
            await during(
                { project, said: () => run.printed() },
                () => run.outcome,
                async () => void (await run.kill9()),
            );
            await until("the server has noticed", async () => {
                const { rowCount } = await project.admin.query(
                    "select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
                );
                return rowCount === 0;
            });
            assert.deepEqual(await captures(project), all);
            await work(project);
        } finally {
            await project.remove();
        }
    }

    it("what a killed one has left notes nothing, and stands in nobody's way who changes the table", () =>
        killed(async project => {
            const { client } = project;
            const noted = "select from simulation_db_archive.simulation_db_capture_0001_1";
            await client.query("update public.items set size = 0 where id = 1");
            assert.equal((await client.query(noted)).rowCount, 0);
            await client.query("alter table public.items alter id type bigint");
            await client.query("insert into public.items (id) values (5000000000)");
            await client.query(
                "alter table public.items rename id to key; update public.items set name = 'renamed' where key = 1",
            );
            await project.must("migrate up");
            assert.deepEqual(await captures(project), []);
        }));

    it("what somebody has taken away of it in part, the next one takes away as a whole", () =>
        killed(async project => {
            await project.client.query("drop trigger simulation_db_capture_0001_1 on public.items");
            await project.must("migrate down");
            assert.deepEqual(await captures(project), []);
        }));

    it("a trigger or check of that name that is somebody else's stops no run, and such a trigger is not hidden", async () => {
        const project = await sqlProject(stage.cluster, { "0001_act": { ...named, verify: "select 1;" } });
        try {
            await project.client.query("create table public.items (id integer primary key)");
            await project.must("migrate up");
            await project.admin.query(`
                create table public.theirs (id integer, constraint simulation_db_leaving_0001_1 check (id is not null) not valid);
                create function public.theirs() returns trigger language plpgsql as $$ begin return null; end $$;
                create trigger simulation_db_capture_0001_1 after insert on public.theirs for each row execute function public.theirs()`);
            const { rows } = await project.admin.query(
                "select key from simulation_db.catalog() where key like 'trigger simulation_db_capture%'",
            );
            assert.equal(rows.length, 1);
            await project.must("migrate down");
            await project.must("migrate up");
            assert.deepEqual(await captures(project), ["trigger"]);
        } finally {
            await project.remove();
        }
    });

    for (const next of ["migrate up", "migrate down --to 0000", "repair reverted 0001 --reason test"]) {
        it(`after one that was killed, ${next} takes away what was on the table`, () =>
            killed(async project => {
                const told = /^interrupted +0001_act +its rollback is under way or was killed/m;
                assert.match((await project.must("status")).stdout, told);
                const { rows: known } = await project.admin.query(
                    "select key from simulation_db.catalog() where key like '%capture%'",
                );
                assert.deepEqual(known, []);
                await project.client.query("update public.items set size = 0 where id = 1");
                await project.must(next);
                assert.deepEqual(await captures(project), []);
                if (next.startsWith("migrate down")) await project.must("migrate up");
                const { rows } = await project.client.query("select from public.items where size is not null");
                assert.equal(rows.length, 4301);
            }));
    }
});
