import assert from "node:assert/strict";
import type pg from "pg";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject, type Trio } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";

/**
 * Waits in which the runner, who looks ten times a second, has seen who holds the lock, however busy the machine; and time
 * for some of them.
 */
const observed = { SIMULATION_DB_LOCK_TIMEOUT_MS: "1500", SIMULATION_DB_RETRY_FOR_MS: "6000" };

const addColumn: Trio = {
    up: "alter table public.busy add column note text;",
    down: "alter table public.busy drop column note;",
    verify: "select note from public.busy limit 0;",
};

for (const major of [15, 17] as const) {
    describe(`traffic goes on (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({
                major,
                settings: { autovacuum_naptime: "1s", max_prepared_transactions: "1" },
            });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster, { "0001_column": addColumn });
            await project.client.query(
                "create table public.busy (id bigint primary key); insert into public.busy select generate_series(1, 100)",
            );
        });
        afterEach(() => project?.remove());

        it("a migration that waits for a lock gives way again and again, and passes when it is free", async () => {
            const reader = await openReader(project);
            const traffic = startTraffic(project);
            const run = project.start("migrate up");
            for (const attempt of [1, 2, 3]) {
                const gaveWay = new RegExp(
                    `attempt ${attempt} gave way to traffic: .*canceling statement due to lock timeout`,
                );
                await until(`attempt ${attempt} has given way`, () => gaveWay.test(run.printed()));
                // The reader still has its lock: who stood behind the migration got through because that gave way.
                const before = traffic.queries();
                await until("the others get through", () => traffic.queries() > before + 1);
            }
            await reader.query("commit");
            assert.equal((await run.outcome).code, 0, run.printed());
            await traffic.stop();
            assert.deepEqual(await project.applied(), ["0001"]);
        });

        it("a rollback gives way in the same way", async () => {
            await project.must("migrate up");
            const reader = await openReader(project);
            const run = project.start("migrate down");
            await until("it has given way", async () => /attempt 2 gave way to traffic/.test(run.printed()));
            await reader.query("commit");
            assert.equal((await run.outcome).code, 0, run.printed());
            assert.deepEqual(await project.applied(), []);
        });

        it("what others make while a migration gives way is not taken for its own, though it drops something", async () => {
            await project.client.query(
                `create table public.indexed (id bigint, kind text); create index indexed_kind on public.indexed (kind);
                 create table public.theirs (id bigint)`,
            );
            await project.write({
                "0001_index": {
                    up: "drop index public.indexed_kind;",
                    down: "create index indexed_kind on public.indexed (kind);",
                    verify: "select 1;",
                },
            });
            const reader = await openReader(project, "select from public.indexed");
            const run = project.start("migrate up");
            await until("it has given way", async () => /attempt 1 gave way to traffic/.test(run.printed()));
            await project.client.query(
                `create table public.meanwhile (id bigint);
                 create policy meanwhile on public.theirs using (true);
                 create index theirs_id on public.theirs (id)`,
            );
            await reader.query("commit");
            assert.equal((await run.outcome).code, 0, run.printed());
            await project.must("migrate down");
            const { rows } = await project.client.query(
                "select to_regclass('public.meanwhile') is not null as stays, to_regclass('public.indexed_kind') is not null as back",
            );
            assert.deepEqual(rows, [{ stays: true, back: true }]);
        });

        // A setting that older servers have not.
        if (major === 17) {
            it("a bound of the database on whole transactions ends no migration, with or without one of its own", async () => {
                const { admin, database } = project;
                await admin.query(`alter database ${database} set transaction_timeout = '500ms'`);
                try {
                    await project.write({
                        "0001_first": { up: "create table public.first (id bigint primary key);\nselect pg_sleep(1);" },
                        "0002_second": {
                            up: "create table public.second (id bigint primary key);\nselect pg_sleep(1);",
                        },
                        "0003_index": {
                            up: "-- transaction: none\ncreate index concurrently first_id on public.first (id);",
                            down: "drop index concurrently public.first_id;",
                            verify: "select pg_sleep(1);",
                        },
                    });
                    await project.must("migrate up");
                    assert.deepEqual(await project.applied(), ["0001", "0002", "0003"]);
                } finally {
                    await admin.query(`alter database ${database} reset transaction_timeout`);
                }
            });
        }

        // What follows does not depend on the version of the server.
        if (major === 17) return;

        it("after the bound it gives up, with nothing changed, and says who holds the lock and how to end that", async () => {
            const reader = await openReader(project, "select 'a secret' as note from public.busy");
            const { rows } = await reader.query<{ pid: number }>("select pg_backend_pid() as pid");
            const run = project.start("migrate up", { env: observed });
            await until("it has given way", async () => /attempt 1/.test(run.printed()));
            // Who only stands in the queue holds nothing.
            const queued = await project.connect();
            await queued.query("set lock_timeout = 0");
            const waiting = queued.query("alter table public.busy add column other text").catch(() => {});
            const { code, stderr } = await run.outcome;
            assert.equal(code, 1);
            assert.match(stderr, /sql\/0001_column\/up\.sql:1: canceling statement due to lock timeout/);
            assert.match(stderr, /tried \d+ times in 6 s/);
            const holder = `the lock is held by server process ${rows[0]?.pid}: postgres, "reading", idle in transaction for \\d+ s\n`;
            assert.match(stderr, new RegExp(`^${holder}`, "m"));
            assert.match(stderr, new RegExp(`^ {2}${holder}`, "m"));
            assert.match(stderr, new RegExp(`if it may be ended: select pg_terminate_backend\\(${rows[0]?.pid}\\)`));
            assert.match(stderr, /run the same command again/);
            assert.doesNotMatch(stderr, /secret/);
            assert.deepEqual(await project.applied(), []);
            await project.admin.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
            await waiting;
            await project.must("migrate up");
        });

        it("where nobody was seen, as after one attempt, it says how to look", async () => {
            await openReader(project);
            const { code, stderr } = await project.run("migrate up", { env: { SIMULATION_DB_RETRY_FOR_MS: "1" } });
            assert.equal(code, 1);
            assert.match(stderr, /tried 1 times in 0 s/);
            assert.match(stderr, /see who holds the lock: .*pg_stat_activity/);
            assert.match(stderr, /run the same command again/);
        });

        it("a prepared transaction that holds the lock is named as one", async () => {
            const other = await project.connect();
            await other.query("begin; select from public.busy; prepare transaction 'kept'");
            try {
                const { stderr } = await project.run("migrate up", { env: observed });
                assert.match(stderr, /the lock is held by a prepared transaction: select \* from pg_prepared_xacts/);
                assert.doesNotMatch(stderr, /pg_terminate_backend/);
            } finally {
                await other.query("rollback prepared 'kept'");
            }
        });

        it("an autovacuum that holds it is named, and ends for a run that waits as long as the error says", async () => {
            await project.client.query(
                `alter table public.busy set (autovacuum_enabled = false);
                 insert into public.busy select generate_series(101, 100000); delete from public.busy where id > 100;
                 select pg_stat_force_next_flush()`,
            );
            await project.client.query(
                "alter table public.busy set (autovacuum_enabled = true, autovacuum_vacuum_threshold = 1, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)",
            );
            await until("autovacuum is at it", async () => {
                const { rows } = await project.admin.query(
                    "select from pg_stat_activity where query like 'autovacuum: VACUUM%public.busy'",
                );
                return rows.length > 0;
            });
            // Longer than the waits of this run, or the first of them ends it.
            await project.admin.query(`alter database ${project.database} set deadlock_timeout = '3s'`);
            const { code, stderr } = await project.run("migrate up", { env: observed });
            assert.equal(code, 1, stderr);
            assert.match(
                stderr,
                /the lock is held by server process \d+: autovacuum: VACUUM (ANALYZE )?public\.busy for \d+ s/,
            );
            const [, longer] = /SIMULATION_DB_LOCK_TIMEOUT_MS=(\d+)/.exec(stderr) ?? [];
            await project.must("migrate up", { env: { SIMULATION_DB_LOCK_TIMEOUT_MS: longer } });
            assert.match(await cluster.log(), /canceling autovacuum task/);
        });

        it("the lock timeout of the stack and of the migration are the ones that are used", async () => {
            const reads = (name: string): Trio => ({
                up: `create table public.${name} as select current_setting('lock_timeout') as lock_timeout;`,
                down: `drop table public.${name};`,
            });
            const read = async (name: string) => (await project.client.query(`select * from public.${name}`)).rows[0];
            const own = reads("own");
            await project.write({
                "0001_column": addColumn,
                "0002_usual": reads("usual"),
                "0003_own": { ...own, up: `-- lock-timeout: 2s\n-- statement-timeout: 5min\n${own.up}` },
                "0004_after": reads("after"),
            });
            await project.must("migrate up", { env: { SIMULATION_DB_LOCK_TIMEOUT_MS: "700" } });
            assert.deepEqual(await read("usual"), { lock_timeout: "700ms" });
            assert.deepEqual(await read("own"), { lock_timeout: "2s" });
            assert.deepEqual(await read("after"), { lock_timeout: "700ms" });
        });

        it("a session that loses its network is soon over on the server, also after what a migration set", async () => {
            const names = "'tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count'";
            const reads = (name: string): Trio => ({
                up: `create table public.${name} as select current_setting(n)::integer as is from unnest(array[${names}]) as n;`,
                down: `drop table public.${name};`,
                verify: "set tcp_keepalives_idle = 7200;",
            });
            await project.write({ "0001_first": reads("first"), "0002_second": reads("second") });
            await project.must("migrate up");
            for (const table of ["first", "second"]) {
                const { rows } = await project.client.query(`select * from public.${table}`);
                assert.deepEqual(rows, [{ is: 60 }, { is: 10 }, { is: 3 }]);
            }
        });

        it("whatever a migration sets is gone for its verify's ledger row and for the next migration", async () => {
            await project.admin.query("create role leaking_role; grant leaking_role to postgres");
            const names =
                "'lock_timeout', 'statement_timeout', 'search_path', 'role', 'simulation_db.found', 'app.mine'";
            const show: Trio = {
                up: `create table public.% as
                     select name, current_setting(name, true) as value from unnest(array[${names}]) as name
                     union all select 'current_user', current_user
                     union all select 'temporary', to_regclass('pg_temp.leaked')::text;`,
                down: "drop table public.%;",
                verify: "select 1;",
            };
            const showIn = (name: string) => ({
                ...show,
                up: show.up?.replace("%", name) ?? "",
                down: show.down?.replace("%", name) ?? "",
            });
            const leak: Trio = {
                up: [
                    "create temporary table leaked ();",
                    "do $$ begin set lock_timeout = '7min'; set statement_timeout = '8min'; end $$;",
                    "set search_path = pg_catalog;",
                    `select set_config('simulation_db.found', '{"here": 1}', false), set_config('app.mine', '1', false);`,
                    "set role leaking_role;",
                ].join("\n"),
                down: "select 1;",
                verify: "select 1;",
            };
            try {
                await project.write({
                    "0001_before": showIn("before"),
                    "0002_leak": leak,
                    "0003_after": showIn("after"),
                });
                const { output, code } = await project.run("migrate up");
                assert.equal(code, 0, output);
                const read = async (table: string) =>
                    (await project.client.query(`select name, coalesce(value, '') as value from public.${table}`)).rows;
                assert.deepEqual(await read("after"), await read("before"));
                const { rows } = await project.admin.query(
                    "select version, found from simulation_db.migration order by 1",
                );
                assert.deepEqual(rows, [
                    { version: "0001", found: null },
                    { version: "0002", found: { here: 1 } },
                    { version: "0003", found: null },
                ]);
                await project.must("migrate down --to 0000");
            } finally {
                await project.admin.query("drop role leaking_role");
            }
        });

        it("a deadlock is tried again", async () => {
            await project.client.query("create table public.calm (id bigint primary key)");
            await project.write({
                "0001_both": {
                    // The server looks for deadlocks after a second: until then the migration waits.
                    up: [
                        "-- lock-timeout: 20s",
                        "alter table public.busy add column note text;",
                        "alter table public.calm add column note text;",
                    ].join("\n"),
                    down: "alter table public.calm drop column note;\nalter table public.busy drop column note;",
                    verify: "select 1;",
                },
            });
            const other = await project.connect();
            await other.query("begin; lock table public.calm in access share mode");
            const run = project.start("migrate up");
            await until("the migration waits for the second table", async () => {
                const { rows } = await project.admin.query(
                    "select from pg_locks where not granted and relation = 'public.calm'::regclass",
                );
                return rows.length > 0;
            });
            // The other one waits without looking for a deadlock, so the migration is the one that is ended.
            await project.admin.query(`alter database ${project.database} set deadlock_timeout = default`);
            await other.query("set local lock_timeout = '30s'");
            const crossing = other.query("select from public.busy").then(
                () => "passed",
                (error: Error) => error.message,
            );
            await until("the deadlock was seen", async () => {
                const settled = await Promise.race([crossing, new Promise(resolve => setTimeout(resolve, 20))]);
                return settled !== undefined || /deadlock detected/.test(run.printed());
            });
            await other.query("rollback").catch(() => {});
            const { code, stderr } = await run.outcome;
            assert.equal(code, 0, stderr);
            if ((await crossing) === "passed")
                assert.match(stderr, /attempt 1 gave way to traffic: .*deadlock detected/);
            assert.deepEqual(await project.applied(), ["0001"]);
        });

        it("a table that somebody locked altogether stops a run for a bounded time only", async () => {
            const other = await project.connect();
            await other.query("begin; lock table public.busy in access exclusive mode");
            const run = project.run("migrate up", { env: { SIMULATION_DB_RETRY_FOR_MS: "1000" } });
            const { code, stderr } = await run;
            assert.equal(code, 1);
            assert.match(stderr, /lock timeout/);
        });
    });
}

/** Somebody who has read public.busy and keeps the transaction open: no DDL passes. */
async function openReader(project: SqlProject, query = "select from public.busy"): Promise<pg.Client> {
    const client = await project.connect();
    await client.query(`set application_name = 'reading'; begin; ${query}`);
    return client;
}

/** Somebody who reads and writes public.busy all the time. */
function startTraffic(project: SqlProject): { queries(): number; stop(): Promise<void> } {
    let [going, queries] = [true, 0];
    const loop = (async () => {
        const client = await project.connect();
        while (going) {
            await client.query("select count(id) from public.busy; update public.busy set id = id where id = 5");
            queries += 1;
            await new Promise(resolve => setTimeout(resolve, 10));
        }
    })();
    return {
        queries: () => queries,
        async stop() {
            going = false;
            await loop;
        },
    };
}
