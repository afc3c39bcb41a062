import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { listArchive } from "../../runner/archive/registry.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type Run, type RunOutcome, type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { onStage } from "./play.ts";

const run = promisify(execFile);

/** What one file of a table may grow to while the disk is "full": more than a segment of the log has, in bytes. */
const full = 24 * 2 ** 20;

onStage("rows under way", stage => {
    for (const [what, acts, write] of [
        [
            "a table",
            [
                {
                    up: "create table public.items (id integer primary key, name text);",
                    down: "drop table public.items;",
                },
            ],
            "insert into public.items values (2, 'late')",
        ],
        [
            "columns",
            [
                {
                    up: "create table public.items (id integer primary key);\ninsert into public.items values (2);",
                    down: "drop table public.items;",
                },
                {
                    up: "alter table public.items add column name text;",
                    down: "alter table public.items drop column name;",
                },
            ],
            "update public.items set name = 'late' where id = 2",
        ],
    ] as const) {
        it(`a transaction that has written to ${what} and not committed yet loses nothing`, () =>
            stage.play({ acts }, async play => {
                await play.client.query("insert into public.items values (1, 'early')");
                const other = await stage.project.connect();
                await other.query(`begin; ${write}`);
                const going = play.down(1);
                await until("down waits for it", async () => (await stage.project.waiting()) > 0);
                await other.query("commit");
                await going;
                await play.up();
                assert.deepEqual(await play.rows("public.items"), ["(1,early)", "(2,late)"]);
            }));
    }
});

for (const major of [15, 17] as const) {
    describe(`what others write meanwhile (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        afterEach(() => project?.remove());

        /** A rollback of public.items, which somebody writes to while it waits for the table. @returns how it ended */
        async function writtenMeanwhile(write: string, isolation = "read committed"): Promise<RunOutcome> {
            project = await sqlProject(cluster, {
                "0001_items": { up: "create table public.items (id integer primary key, name text);" },
            });
            await project.admin.query(
                `alter database ${project.database} set default_transaction_isolation = '${isolation}'`,
            );
            await project.must("migrate up");
            await project.client.query("insert into public.items values (1, 'early')");
            const other = await project.connect();
            await other.query(`begin; ${write}`);
            const run = project.start("migrate down");
            await until("down waits for it", async () => (await project.waiting()) > 0);
            await other.query("commit");
            return await run.outcome;
        }

        it("a rollback loses no row that they commit while it waits, also where transactions see one moment only", async () => {
            const { code, stderr } = await writtenMeanwhile(
                "insert into public.items values (2, 'late')",
                "repeatable read",
            );
            assert.equal(code, 0, stderr);
            const [part] = await listArchive(project.admin);
            const { rows } = await project.admin.query(
                `select row(id, name)::text as row from simulation_db_archive.${part?.archive} order by id`,
            );
            assert.deepEqual(
                rows.map(({ row }) => row),
                ["(1,early)", "(2,late)"],
            );
        });

        it("a column that they give a table while its rollback waits is refused to go with it, as an older one is", async () => {
            const { code, stderr } = await writtenMeanwhile(
                "alter table public.items add column note text default 'late'",
            );
            assert.equal(code, 1);
            assert.match(stderr, /somebody has changed the columns of public\.items meanwhile/);
            assert.match(stderr, /gone: column public\.items\.note, which up did not make/);
            const { rows } = await project.client.query("select note from public.items");
            assert.deepEqual(rows, [{ note: "late" }]);
        });

        const migration = {
            up: "alter table public.items add column name text, add column size integer;",
            down: "alter table public.items drop column name, drop column size;",
            verify: "select 1;",
        };

        /** Rows 1 to so many, that had a name and a size before the rollback. */
        async function rolledBack(rows: number, other: Partial<typeof migration> = {}, fill = ""): Promise<void> {
            project = await sqlProject(cluster, { "0001_name": { ...migration, ...other } });
            await project.client.query(
                "create table public.items (id integer primary key, at timestamptz default 'epoch')",
            );
            await project.client.query("insert into public.items select generate_series(1, $1::integer)", [rows]);
            await project.must("migrate up");
            await project.client.query(`update public.items set name = 'old ' || id, size = id; ${fill}`);
            await project.must("migrate down");
        }

        /** Starts an up whose migration is through, and that cannot write to the archive yet. */
        async function upToTheWayBack(): Promise<{ run: Run; goOn: () => Promise<void> }> {
            const [part] = await listArchive(project.admin);
            const holder = await project.connect();
            await holder.query(`begin; lock table simulation_db_archive.${part?.archive} in share mode`);
            const run = project.start("migrate up");
            await until("it waits with the rows", async () => /attempt 1 gave way/.test(run.printed()));
            return { run, goOn: async () => void (await holder.query("commit")) };
        }

        const named = async (name: string) =>
            (await project.client.query("select from public.items where name like $1", [name])).rows.length;

        it("what somebody writes between the migration and the way back stays, and what was kept of it stays kept", async () => {
            await rolledBack(5);
            const { run, goOn } = await upToTheWayBack();
            await project.client.query("update public.items set name = 'new 1' where id = 1");
            await project.client.query("update public.items set at = now() where id = 2");
            // Whoever has begun to write gets the same.
            const writer = await project.connect();
            await writer.query("begin; update public.items set size = 30 where id = 3");
            await goOn();
            await until("it waits for the row", async () => (await project.waiting()) > 0);
            await writer.query("commit");
            const { code, stderr } = await run.outcome;
            assert.equal(code, 0, stderr);
            assert.match(stderr, /3 of 5 archived rows are back in public\.items; 2 could not/);
            const { rows } = await project.client.query("select id, name, size from public.items order by id");
            assert.deepEqual(rows, [
                { id: 1, name: "new 1", size: null },
                { id: 2, name: "old 2", size: 2 },
                { id: 3, name: null, size: 30 },
                { id: 4, name: "old 4", size: 4 },
                { id: 5, name: "old 5", size: 5 },
            ]);
            const [part] = await listArchive(project.admin);
            const { rows: left } = await project.admin.query(
                `select id, name, size from simulation_db_archive.${part?.archive} order by id`,
            );
            assert.deepEqual(left, [
                { id: 1, name: "old 1", size: 1 },
                { id: 3, name: "old 3", size: 3 },
            ]);
        });

        it("a default that up gives to all rows is nobody's writing", async () => {
            const defaults = {
                up: `alter table public.items add column name text default 'none', add column size integer,
                         add column active boolean not null default true, add column code char(4) default 'a';`,
                down: `${migration.down.slice(0, -1)}, drop column active, drop column code;`,
            };
            await rolledBack(2, defaults, "update public.items set active = false, code = 'b'");
            const { run, goOn } = await upToTheWayBack();
            await project.client.query("update public.items set at = now() where id = 1");
            await goOn();
            const { code, stderr } = await run.outcome;
            assert.equal(code, 0, stderr);
            assert.match(stderr, /2 of 2 archived rows are back/);
            assert.equal(await named("old %"), 2);
        });

        it("what was written before a run goes on that was killed is newer, whatever is recorded meanwhile", async () => {
            await rolledBack(3);
            const { run, goOn } = await upToTheWayBack();
            await run.kill9();
            await goOn();
            await project.client.query("update public.items set name = 'new' where id = 1");
            await project.write({ "0001_name": { ...migration, down: `-- Mended.\n${migration.down}` } });
            await project.must("migrate record --stdin", { stdin: project.stdin("0001") });
            await project.must("migrate up");
            assert.equal(await named("new"), 1);
            assert.equal(await named("old %"), 2);
        });

        it("a rollback after a run that was killed ends that one first: what up has filled in is newer than nothing", async () => {
            const filled = { up: `${migration.up}\nupdate public.items set size = 0;` };
            await rolledBack(3, filled);
            const { run, goOn } = await upToTheWayBack();
            await run.kill9();
            await goOn();
            await project.client.query("update public.items set name = 'new' where id = 1");
            const { stderr } = await project.must("migrate down");
            assert.match(stderr, /2 of 3 archived rows are back in public\.items; 1 could not/);
            await project.must("migrate up");
            const { rows } = await project.client.query("select id, name, size from public.items order by id");
            assert.deepEqual(rows, [
                { id: 1, name: "new", size: 0 },
                { id: 2, name: "old 2", size: 2 },
                { id: 3, name: "old 3", size: 3 },
            ]);
        });

        for (const [what, mended, env] of [
            ["an archive", migration.down, { SIMULATION_DB_ARCHIVE: "off" }],
            ["one for the table", `-- not-archived: public.items\n${migration.down}`, {}],
        ] as const) {
            it(`a rollback without ${what} takes nothing out of it that is not back`, async () => {
                await rolledBack(3);
                const { run, goOn } = await upToTheWayBack();
                await run.kill9();
                await goOn();
                await project.write({ "0001_name": { ...migration, down: mended } });
                await project.must("migrate record --stdin", { stdin: project.stdin("0001") });
                await project.must("migrate down", { env });
                await project.must("migrate up");
                assert.equal(await named("old %"), 3);
            });
        }

        it("after an up by hand any value that is there stays", async () => {
            await rolledBack(2);
            await project.client.query(`${migration.up} update public.items set name = 'by hand' where id = 1`);
            await project.must("repair applied 0001 --reason test");
            await project.must("migrate up");
            assert.equal(await named("by hand"), 1);
            assert.equal(await named("old 2"), 1);
        });

        it("rows that do not fit keep no other ones back", async () => {
            await rolledBack(30_000);
            await project.write({
                "0001_name": {
                    ...migration,
                    up: `${migration.up.slice(0, -1)}, add check (name not in ('old 15000', 'old 15001'));`,
                },
            });
            const { stderr } = await project.must("migrate up");
            assert.match(stderr, /29998 of 30000 archived rows are back .*; 2 could not \(new row .* violates check/);
            assert.equal(await named("old %"), 29_998);
        });

        it("columns come back a few thousand rows at a time: who writes one waits for no others, and a killed run is gone on with", async () => {
            await rolledBack(30_000);
            const { run, goOn } = await upToTheWayBack();
            const holder = await project.connect();
            await holder.query("begin; select from public.items where id = 29000 for update");
            await goOn();
            await until("it waits for the last ones", async () => (await project.waiting()) > 0);
            const back = await named("old %");
            assert.ok(back > 5000 && back < 29_000, `${back} rows are back`);
            await project.client.query("set lock_timeout = '1s'");
            await project.client.query("update public.items set name = 'new' where id = 1");
            await run.kill9();
            const { stdout } = await project.must("archive list");
            assert.match(stdout, new RegExp(`\\b${(30_000 - back).toLocaleString("en")}\\b`));
            await holder.query("commit");
            const { stderr } = await project.must("migrate up");
            assert.match(stderr, new RegExp(`${30_000 - back} of ${30_000 - back} archived rows are back`));
            assert.equal(await named("old %"), 29_999);
            assert.equal(await named("new"), 1);
        });
    });

    describe(`few rows and a table of many (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster, {
                "0001_owner": {
                    up: "alter table public.items alter owner drop not null;",
                    down: "-- archive-rows: public.items where owner is null\nalter table public.items alter owner set not null;",
                    verify: "select 1;",
                },
            });
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        it("they go back to it by their key: nobody waits until all of it is read", async () => {
            const { admin, client } = project;
            /** What the server has counted of reading: rows by the primary key, and those of all rows. */
            const counted = async () => {
                const { rows } = await admin.query<{ byKey: number; allRows: number }>(
                    'select idx_tup_fetch::float8 as "byKey", seq_tup_read::float8 as "allRows" from pg_stat_user_tables where relid = \'public.items\'::regclass',
                );
                return rows[0] ?? { byKey: 0, allRows: 0 };
            };
            /** A session hands over what it has counted when it ends. */
            const runs = async () =>
                (await admin.query("select from pg_stat_activity where application_name like 'simulation-db %'")).rows
                    .length;
            await client.query(
                "create table public.items (id integer primary key, owner integer not null); insert into public.items select n, n from generate_series(1, 200000) as n",
            );
            await project.must("migrate up");
            await client.query("insert into public.items values (200001), (200002)");
            await project.must("migrate down");
            // One of them is there already when they come back.
            await client.query(
                "alter table public.items alter owner drop not null; insert into public.items values (200001)",
            );
            await client.query("analyze public.items");
            await until("the rollback has ended", async () => (await runs()) === 0);
            const before = await counted();
            assert.ok(before.allRows >= 200_000, "nothing is counted");
            const { stderr } = await project.must("migrate up");
            assert.match(stderr, /2 of 2 archived rows are back in public\.items/);
            await until("it has ended", async () => (await runs()) === 0);
            const after = await counted();
            assert.ok(after.byKey > before.byKey, "no row was read by its key");
            assert.ok(after.allRows - before.allRows < 200_000, `${after.allRows - before.allRows} rows were read`);
        });
    });

    describe(`a disk that is full (PostgreSQL ${major})`, function () {
        this.timeout(120_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster, {
                "0001_items": {
                    // Each partition is a file of its own, the archive is one for all.
                    up: `create table public.items (id integer, text text, primary key (id)) partition by hash (id);
                         ${[0, 1, 2, 3].map(n => `create table public.items_${n} partition of public.items for values with (modulus 4, remainder ${n});`).join("\n")}`,
                    down: "drop table public.items;",
                },
            });
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        it("no space for the archive: the down is taken back, nothing is lost, and later it goes well", async function () {
            // What a process may write, those have to keep to that it starts.
            const limit = (bytes: number | "unlimited") =>
                run("prlimit", ["--pid", String(process.pid), `--fsize=${bytes}:unlimited`]);
            try {
                await limit("unlimited");
            } catch {
                // Not on this system.
                this.skip();
            }
            await project.must("migrate up");
            await project.client.query(`insert into public.items
                select n, (select string_agg(md5(n::text || m::text), '') from generate_series(1, 50) as m) from generate_series(1, 20000) as n`);
            const sum =
                "select count(*)::int as count, sum(hashtextextended(each::text, 0)::numeric) from public.items as each";
            const expected = (await project.client.query(sum)).rows;

            await limit(full);
            await cluster.restart().finally(() => limit("unlimited"));
            const refused = await project.run("migrate down");
            assert.equal(refused.code, 1, refused.output);
            assert.match(refused.output, /could not extend file .*(File too large|No space left)/);
            assert.deepEqual((await (await project.connect()).query(sum)).rows, expected);

            await cluster.restart();
            const client = await project.connect();
            assert.deepEqual((await client.query("select from simulation_db.archive")).rowCount, 0);
            await project.must("migrate down");
            await project.must("migrate up");
            assert.deepEqual((await client.query(sum)).rows, expected);
        });
    });
}
