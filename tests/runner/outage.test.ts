import assert from "node:assert/strict";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { readHistory } from "../support/history.ts";
import { type Run, type RunOutcome, type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { faultyNetwork } from "./faultyNetwork.ts";

/** Goes on for longer than a test, after it has changed something. */
const slow = {
    up: "create table public.second (id bigint primary key);\ninsert into public.second values (1);\nselect pg_sleep(50);",
};

/** Bounds what the runner itself asks as well, which a busy machine answers well before. In milliseconds. */
const statementTimeout = 4000;
const bounded = { SIMULATION_DB_STATEMENT_TIMEOUT_MS: String(statementTimeout) };
/** A statement that takes longer than that, and does end. */
const tooLong = `select pg_sleep(${1.5 * (statementTimeout / 1000)});`;

describe("an outage in the middle of a migration", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    before(async () => {
        cluster = await testCluster({ major: 15 });
    });
    after(() => cluster?.stop());
    beforeEach(async () => {
        project = await sqlProject(cluster, { "0001_first": {} });
        await project.must("migrate up");
        await project.write({ "0001_first": {}, "0002_second": slow });
    });
    afterEach(() => project?.remove());

    /** Starts the slow migration and waits until its last statement runs. */
    async function underWay(env: Record<string, string> = {}): Promise<Run> {
        const run = project.start("migrate up", { env });
        await until("the migration sleeps", async () => {
            const { rows } = await project.admin.query(
                "select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()",
            );
            return rows.length > 0;
        });
        return run;
    }

    /** What is promised of a run that lost its connection, and of the one that follows. */
    async function recovers(outcome: RunOutcome, ...words: RegExp[]): Promise<void> {
        assert.equal(outcome.code, 1, outcome.output);
        assert.doesNotMatch(outcome.stderr, /^\s+at .*:\d+/m);
        assert.match(outcome.stderr, /the connection was lost/);
        assert.match(outcome.stderr, /run the same command again/);
        for (const word of words) assert.match(outcome.stderr, word);
        assert.ok(!outcome.output.includes(cluster.environment.PGPASSWORD ?? "?"));

        const look = await project.connect();
        const { rows } = await look.query("select to_regclass('public.second') as second");
        assert.deepEqual(rows, [{ second: null }]);
        await project.write({ "0001_first": {}, "0002_second": {} });
        await project.must("migrate up");
        assert.deepEqual(await readHistory(look), ["up 0001", "up 0002"]);
    }

    it("a session that somebody ends: it is said where it was, and the next run passes", async () => {
        const run = await underWay();
        await project.admin.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'simulation-db %' and datname = current_database()",
        );
        await recovers(
            await run.outcome,
            /sql\/0002_second\/up\.sql:3: the connection was lost: terminating connection due to administrator command/,
            /in statement 3: select pg_sleep/,
        );
    });

    it("a server that is restarted", async () => {
        const run = await underWay();
        await cluster.restart();
        await recovers(await run.outcome, /up\.sql:3: /);
    });

    it("a server that is killed", async () => {
        const run = await underWay();
        await cluster.kill9();
        const outcome = await run.outcome;
        const { code, stderr } = await project.run("migrate up");
        assert.equal(code, 1);
        assert.match(stderr, /nothing listens on|not ready/);
        await cluster.restart();
        await recovers(outcome, /sql\/0002_second\/up\.sql: the connection was lost/);
    });

    it("a network that fails", async () => {
        const network = await faultyNetwork(cluster);
        try {
            const run = await underWay({ PGPORT: String(network.port) });
            network.cut();
            await recovers(await run.outcome, /up\.sql: .*Connection terminated unexpectedly/);
        } finally {
            await network.close();
        }
    });

    it("a session that ends while the run pauses before its next attempt", async () => {
        await project.write({
            "0001_first": {},
            "0002_second": { up: "alter table public.first add column note text;" },
        });
        const reader = await project.connect();
        await reader.query("begin; select from public.first");
        const run = project.start("migrate up");
        await until("it pauses", async () => /attempt 2 gave way/.test(run.printed()));
        await project.admin.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'simulation-db %' and datname = current_database()",
        );
        const outcome = await run.outcome;
        await reader.query("rollback");
        await recovers(outcome);
    });

    it("a session that ends while an index is built concurrently", async () => {
        const index = {
            up: "-- transaction: none\ncreate index concurrently first_id on public.first ((id + 1));",
            down: "drop index concurrently public.first_id;",
            verify: "select 1 / indisvalid::int from pg_index where indexrelid = 'public.first_id'::regclass;",
        };
        await project.write({ "0001_first": {}, "0002_index": index });
        const other = await project.connect();
        await other.query("begin; insert into public.first values (1)");
        const run = project.start("migrate up");
        await until("the index is being built", async () => {
            const { rows } = await project.admin.query("select to_regclass('public.first_id') as index");
            return rows[0].index !== null;
        });
        await project.admin.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'simulation-db %' and datname = current_database()",
        );
        const { code, stderr } = await run.outcome;
        await other.query("commit");
        assert.equal(code, 1);
        assert.match(stderr, /up\.sql:2: the connection was lost/);
        await project.must("migrate up");
        assert.deepEqual(await project.applied(), ["0001", "0002"]);
    });

    for (const [part, files] of [
        ["up.sql:3", slow],
        ["verify.sql:1", { verify: "select pg_sleep(50);" }],
    ] as const) {
        it(`a statement that hangs in ${part.slice(0, -2)} is ended in time, and nothing of the migration is there`, async () => {
            await project.write({ "0001_first": {}, "0002_second": files });
            const { code, stderr } = await project.run("migrate up", { env: bounded });
            assert.equal(code, 1);
            assert.ok(stderr.includes(`sql/0002_second/${part}: canceling statement due to statement timeout`), stderr);
            assert.match(stderr, /→ give it more time, at the head of up\.sql: "-- statement-timeout: 30min"/);
            const { rows } = await project.client.query("select to_regclass('public.second') as second");
            assert.deepEqual(rows, [{ second: null }]);
            assert.deepEqual(await project.history(), ["up 0001"]);
        });
    }

    it("a rollback whose statement hangs is ended in time, and taken back as a whole", async () => {
        const second = { down: "drop table public.second;\nselect pg_sleep(50);" };
        await project.write({ "0001_first": {}, "0002_second": second });
        await project.must("migrate up");
        await project.client.query("insert into public.second values (7)");
        const { code, stderr } = await project.run("migrate down", { env: bounded });
        assert.equal(code, 1);
        assert.match(stderr, /sql\/0002_second\/down\.sql:2: canceling statement due to statement timeout/);
        const { rows } = await project.client.query("select id from public.second");
        assert.deepEqual(rows, [{ id: "7" }]);
        assert.deepEqual(await project.applied(), ["0001", "0002"]);
    });

    it("a rollback that needs longer gets it from its down.sql, as its error says: its up.sql is not to be changed", async () => {
        const down = `${tooLong}\ndrop table public.second;`;
        await project.write({ "0001_first": {}, "0002_second": { down } });
        await project.must("migrate up");
        const { stderr } = await project.run("migrate down", { env: bounded });
        const [, statement = ""] = /→ give it more time, at the head of down\.sql: "(.*)"$/m.exec(stderr) ?? [];
        assert.match(stderr, /→ bring the folder back where it was removed, and npm run up, or migrate record, takes/);
        assert.doesNotMatch(stderr, /up\.sql/);
        await project.write({ "0001_first": {}, "0002_second": { down: `${statement}\n${down}` } });
        await project.must("migrate record");
        await project.must("migrate down", { env: bounded });
        assert.deepEqual(await project.applied(), ["0001"]);
    });

    it("a step that is no file's names the stack's key, and how a rollback gets to it", async () => {
        await project.write({ "0001_first": {}, "0002_second": {} });
        await project.must("migrate up");
        await project.client.query("insert into public.second select generate_series(1, 500000)");
        const { code, stderr } = await project.run("migrate down", {
            env: { SIMULATION_DB_STATEMENT_TIMEOUT_MS: "30" },
        });
        assert.equal(code, 1);
        assert.match(
            stderr,
            /^PostgreSQL refused a step of the runner itself: canceling statement due to statement timeout$/m,
        );
        assert.match(
            stderr,
            /→ a step of up or destroy has more time with a higher statementTimeoutMs in Pulumi\.STACK\.yaml/,
        );
        assert.match(stderr, /→ a destroy or a rollback goes by what the last npm run up recorded: /);
    });

    it("where the migration says how long a step may take, its error says that this goes first", async () => {
        const second = (timeout: string) => ({
            "0001_first": {},
            "0002_second": { down: `-- statement-timeout: ${timeout}\ndrop table public.second;` },
        });
        await project.write(second("30ms"));
        await project.must("migrate up");
        await project.client.query("insert into public.second select generate_series(1, 500000)");
        const { code, stderr } = await project.run("migrate down", {
            env: { SIMULATION_DB_STATEMENT_TIMEOUT_MS: "60000" },
        });
        assert.equal(code, 1);
        assert.match(stderr, /^PostgreSQL refused a step of the runner itself: canceling statement due to statement/m);
        assert.match(
            stderr,
            /→ where the migration has a "-- statement-timeout", that goes first: a longer one helps, at the head of up\.sql, or of down\.sql on the way back/,
        );
        await project.write(second("30min"));
        await project.must("migrate record");
        await project.must("migrate down");
        assert.deepEqual(await project.applied(), ["0001"]);
    });

    it("check gives each verify.sql the time of the stack, and says so where that is too short", async () => {
        const line = /^(ok {6}|FAILED {2})every verify\.sql passes.*(\n {6,}.*)*/m;
        await project.write({ "0001_first": {}, "0002_second": { verify: tooLong } });
        await project.must("migrate up");
        await project.admin.query(`alter database ${project.database} set statement_timeout = '100ms'`);
        const short = await project.run("check", { env: bounded });
        const [said = ""] = line.exec(short.stdout) ?? [];
        assert.match(said, /sql\/0002_second\/verify\.sql:1: canceling statement due to statement timeout/);
        assert.match(said, /→ verify\.sql has more time with a higher statementTimeoutMs in Pulumi\.STACK\.yaml/);
        assert.doesNotMatch(said, /up\.sql/);
        const { stdout } = await project.run("check", { env: { SIMULATION_DB_STATEMENT_TIMEOUT_MS: "60000" } });
        assert.match(stdout, /^ok {6}every verify\.sql passes$/m);
    });

    it("a rollback that loses its connection is not half done", async () => {
        const second = { down: "drop table public.second;\nselect pg_sleep(50);" };
        await project.write({ "0001_first": {}, "0002_second": second });
        await project.must("migrate up");
        const run = project.start("migrate down");
        await until("the rollback sleeps", async () => {
            const { rows } = await project.admin.query("select from pg_stat_activity where wait_event = 'PgSleep'");
            return rows.length > 0;
        });
        await run.kill9();
        await project.write({ "0001_first": {}, "0002_second": {} });
        await project.must("migrate down --stdin", { stdin: project.stdin("0002") });
        assert.deepEqual(await project.history(), ["up 0001", "up 0002", "down 0002"]);
    });
});
