import assert from "node:assert/strict";
import type pg from "pg";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type Run, type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";

/** Key of an advisory lock that keeps a migration of these tests waiting. */
const gate = 78;

const waiting = {
    "0001_gated": {
        up: `select pg_advisory_xact_lock_shared(${gate});\ncreate table public.gated (id bigint primary key);`,
    },
};

for (const major of [15, 17] as const) {
    describe(`one run at a time (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster);
        });
        afterEach(() => project?.remove());

        for (const runs of major === 15 ? [2, 10] : [2]) {
            it(`${runs} runs of the same folder apply every migration exactly once, and all end well`, async () => {
                const log = {
                    up: "insert into public.first values (%)",
                    down: "delete from public.first where id = %",
                };
                await project.write({
                    "0001_first": {},
                    ...Object.fromEntries(
                        [2, 3, 4].map(n => [
                            `000${n}_more`,
                            {
                                up: log.up.replace("%", `${n}`),
                                down: log.down.replace("%", `${n}`),
                                verify: "select 1;",
                            },
                        ]),
                    ),
                });
                const outcomes = await Promise.all(Array.from({ length: runs }, () => project.run("migrate up")));
                for (const { code, output } of outcomes) assert.equal(code, 0, output);
                assert.deepEqual(await project.history(), ["up 0001", "up 0002", "up 0003", "up 0004"]);
                const { rows } = await project.client.query("select id from public.first order by id");
                assert.deepEqual(rows, [{ id: "2" }, { id: "3" }, { id: "4" }]);
                const did = outcomes.map(({ stdout }) => Number(/^(\d+) applied/m.exec(stdout)?.[1]));
                assert.deepEqual(did.toSorted(), [...Array(runs - 1).fill(0), 4]);
            });
        }

        it("a run that waits too long names who holds the database, and has changed nothing", async () => {
            await project.write(waiting);
            const { holder, open } = await heldRun(project);
            const { code, stderr } = await project.run("migrate up", {
                env: { SIMULATION_DB_WAIT_FOR_RUN_MS: "500" },
            });
            assert.equal(code, 1);
            assert.match(stderr, /another run holds this database: "simulation-db migrate up \S+@/);
            assert.match(stderr, /Waited 0\.5 s; nothing was changed/);
            const [, pid] = /select pg_terminate_backend\((\d+)\)/.exec(stderr) ?? [];
            assert.equal(Number(pid), await holderOf(project));
            await open();
            assert.equal((await holder.outcome).code, 0);
        });

        it("a run that waits says for whom, and how long it will", async () => {
            await project.write(waiting);
            const { holder, open } = await heldRun(project);
            const waits = project.start("migrate up");
            await until("it says so", async () => /Waiting for it/.test(waits.printed()));
            assert.match(
                waits.printed(),
                /^another run holds this database: "simulation-db migrate up \S+@.*" \(server process \d+, connected since .*\)\. Waiting for it, 5[0-9] s at most$/m,
            );
            await open();
            const { code, stdout, output } = await waits.outcome;
            assert.equal(code, 0, output);
            assert.doesNotMatch(stdout, /Waiting/);
            await holder.outcome;
        });

        it("status answers while a run is under way", async () => {
            await project.write(waiting);
            const { holder, open } = await heldRun(project);
            const { stdout } = await project.must("migrate status");
            assert.match(stdout, /pending +0001_gated/);
            await open();
            await holder.outcome;
        });

        it("a run that is killed frees the database, though its statement would go on for long", async () => {
            await project.write(waiting);
            const { holder, open } = await heldRun(project);
            await holder.kill9();
            await project.write({ "0001_first": {} });
            // The gate is still closed: nothing but the kill can have ended the statement.
            await project.must("migrate up", { env: { SIMULATION_DB_WAIT_FOR_RUN_MS: "15000" } });
            assert.deepEqual(await project.history(), ["up 0001"]);
            await open();
        });

        it("a run that waits its turn does not stop the other's concurrent index", async () => {
            await project.client.query("create table public.items (id bigint primary key, size integer)");
            await project.write({
                "0001_index": {
                    up: "-- transaction: none\ncreate index concurrently items_size on public.items (size);",
                    down: "drop index concurrently public.items_size;",
                    verify: "select 1;",
                },
            });
            const other = await project.connect();
            await other.query("begin; insert into public.items values (1, 1)");
            const first = project.start("migrate up");
            await until("the index waits", async () => {
                const { rows } = await project.admin.query(
                    "select from pg_stat_activity where wait_event_type = 'Lock' and query like 'create index%' and datname = current_database()",
                );
                return rows.length > 0;
            });
            const second = project.start("migrate up");
            await until("the second run waits", async () => (await sessions(project)).length === 2);
            await other.query("commit");
            assert.equal((await first.outcome).code, 0, first.printed());
            assert.equal((await second.outcome).code, 0, second.printed());
            assert.deepEqual(await project.history(), ["up 0001"]);
        });

        it("runs on two databases of one server do not wait for each other", async () => {
            await project.write(waiting);
            const { holder, open } = await heldRun(project);
            const other = await sqlProject(cluster, { "0001_first": {} });
            try {
                await other.must("migrate up", { env: { SIMULATION_DB_WAIT_FOR_RUN_MS: "0" } });
            } finally {
                await other.remove();
            }
            await open();
            await holder.outcome;
        });
    });
}

/** A run in the middle of its migration, which goes on when `open` is called. */
async function heldRun(project: SqlProject): Promise<{ holder: Run; open: () => Promise<void> }> {
    const keeper: pg.Client = await project.connect();
    await keeper.query("select pg_advisory_lock($1)", [gate]);
    const holder = project.start("migrate up");
    await until("the migration runs", async () => {
        const { rows } = await project.admin.query(
            "select from pg_stat_activity where wait_event_type = 'Lock' and query like 'select pg_advisory_xact_lock_shared%' and datname = current_database()",
        );
        return rows.length > 0;
    });
    return { holder, open: () => keeper.end() };
}

async function sessions({ admin }: SqlProject): Promise<number[]> {
    const { rows } = await admin.query(
        "select pid from pg_stat_activity where datname = current_database() and application_name like 'simulation-db %'",
    );
    return rows.map(({ pid }) => pid);
}

async function holderOf(project: SqlProject): Promise<number | undefined> {
    return (await sessions(project))[0];
}
