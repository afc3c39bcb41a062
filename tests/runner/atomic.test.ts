import assert from "node:assert/strict";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject, type Trio } from "../support/sqlProject.ts";

for (const major of [15, 17] as const) {
    describe(`all or nothing (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        // One for all: a migration that is refused leaves nothing.
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster, { "0001_first": {} });
            await project.must("migrate up");
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        /** Applies a 0002 that must fail and leave nothing. Returns what the run said. */
        async function refusedUp(second: Trio): Promise<string> {
            await project.write({ "0001_first": {}, "0002_second": second });
            const { code, stderr, stdout } = await project.run("migrate up");
            assert.equal(code, 1, stderr);
            assert.deepEqual(await project.applied(), ["0001"]);
            assert.deepEqual(await tables(project), ["first"]);
            assert.doesNotMatch(stderr, /^\s+at .*\.(ts|js):\d+/m, "a stack trace is no message for people");
            assert.doesNotMatch(stdout, /0002/);
            return stderr;
        }

        it("an error in the third statement leaves nothing of the first two, and says where it is and why", async () => {
            const stderr = await refusedUp({
                up: [
                    "-- Makes a table, fills it, and fails.",
                    "create table public.second (id bigint primary key);",
                    "",
                    "insert into public.second values (1);",
                    "select id,",
                    "       no_such_column",
                    "from public.second;",
                    "create table public.never (id bigint);",
                ].join("\n"),
            });
            assert.match(stderr, /sql\/0002_second\/up\.sql:6: column "no_such_column" does not exist/);
            assert.match(stderr, /in statement 3: select id,/);
            assert.match(stderr, /SQLSTATE 42703/);
        });

        it("PostgreSQL's detail and hint are passed on", async () => {
            const stderr = await refusedUp({
                up: "create table public.second (id bigint primary key);\nselect idd from public.second;",
            });
            assert.match(stderr, /up\.sql:2: .*"idd" does not exist/);
            assert.match(stderr, /hint: Perhaps you meant to reference the column "second\.id"/);
        });

        it("an exception, which has no position, is found by its statement", async () => {
            const stderr = await refusedUp({
                up: [
                    "create table public.second (id bigint primary key);",
                    "-- a comment before it",
                    "/* and another",
                    "   of two lines */",
                    "do $$",
                    "begin",
                    "    raise exception 'too early; wait' using errcode = 'P0042', hint = 'ask again', detail = 'at noon';",
                    "end $$;",
                    "select 1;",
                ].join("\n"),
            });
            assert.match(stderr, /up\.sql:5: too early; wait/);
            assert.match(stderr, /in statement 2: do \$\$/);
            assert.match(stderr, /SQLSTATE P0042/);
            assert.match(stderr, /detail: at noon/);
            assert.match(stderr, /hint: ask again/);
        });

        it("a unique violation, which has no position, is found by its statement", async () => {
            const stderr = await refusedUp({
                up: [
                    "create table public.second (id bigint primary key);",
                    "insert into public.second values (1); insert into public.second values (2);",
                    "insert into public.second",
                    "values (1);",
                ].join("\n"),
            });
            assert.match(stderr, /up\.sql:3: duplicate key value violates unique constraint "second_pkey"/);
            assert.match(stderr, /in statement 4: insert into public\.second/);
            assert.match(stderr, /SQLSTATE 23505/);
            assert.match(stderr, /detail: Key \(id\)=\(1\) already exists/);
        });

        it("an error inside a function names the calling statement and the place in the function", async () => {
            const stderr = await refusedUp({
                up: [
                    "create function public.second() returns int language plpgsql as $$",
                    "begin",
                    "    return (select missing from pg_class limit 1);",
                    "end $$;",
                    "select public.second();",
                ].join("\n"),
            });
            assert.match(stderr, /up\.sql:5: column "missing" does not exist/);
            assert.match(stderr, /in statement 2: select public\.second\(\)/);
            assert.match(stderr, /where: PL\/pgSQL function .*second\(\) line 3/);
        });

        it("text of many bytes before an error does not shift its line", async () => {
            const stderr = await refusedUp({
                up: [
                    "-- Überprüfung der Größe: äöü ÄÖÜ ß, 中文字, 🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘",
                    "create table public.second (id bigint primary key, ä text default '🐘🐘🐘🐘🐘');",
                    "select 1",
                    ";",
                    "",
                    "select missing",
                    "from public.second;",
                ].join("\n"),
            });
            assert.match(stderr, /up\.sql:6: column "missing" does not exist/);
            assert.match(stderr, /in statement 3: select missing/);
        });

        it("a syntax error that only this server sees is found by its line", async () => {
            // The parser of the runner knows newer syntax than the server.
            const stderr = await refusedUp({
                up: [
                    "create table public.second (id bigint primary key);",
                    "select 1;",
                    "create table public.other (a int, b int generated always as (a * 2) virtual);",
                ].join("\n"),
            });
            assert.match(stderr, /up\.sql:3: syntax error at or near "virtual"/);
            assert.match(stderr, /in statement 3: create table public\.other/);
        });

        it("a verify that raises takes the migration back, and is named itself", async () => {
            const stderr = await refusedUp({
                verify: "select from public.second;\nselect 1 / (select count(*) from public.second);",
            });
            assert.match(stderr, /sql\/0002_second\/verify\.sql:2: division by zero/);
            assert.match(stderr, /in statement 2: select 1 \//);
        });

        it("a deferred constraint that fails at commit takes the migration back", async () => {
            const stderr = await refusedUp({
                up: [
                    "create table public.second (",
                    "    id bigint primary key,",
                    "    parent bigint references public.second deferrable initially deferred",
                    ");",
                    "insert into public.second values (1, 7);",
                ].join("\n"),
            });
            assert.match(stderr, /sql\/0002_second\/up\.sql: .* violates foreign key constraint "second_parent_fkey"/);
            assert.match(stderr, /23503/);
            assert.match(stderr, /Key \(parent\)=\(7\) is not present/);
        });

        it("begin, commit and rollback in a migration are refused before anything runs", async () => {
            const stderr = await refusedUp({ up: "create table public.second (id bigint);\ncommit;" });
            assert.match(stderr, /sql\/0002_second\/up\.sql:2: begin, commit and rollback are the runner's/);
        });

        it("a commit hidden in a block is refused by the server, and commits nothing", async () => {
            const stderr = await refusedUp({
                up: "create table public.second (id bigint);\ndo 'begin commit; end';",
            });
            assert.match(stderr, /up\.sql:2: invalid transaction termination/);
        });

        it("a down that fails leaves the migration applied and whole; mended, it is rolled back", async () => {
            await project.write({
                "0001_first": {},
                "0002_second": { down: "drop table public.second;\nselect 1 / 0;" },
            });
            await project.must("migrate up");
            await project.client.query("insert into public.second values (5)");
            const { code, stderr } = await project.run("migrate down");
            assert.equal(code, 1);
            assert.match(stderr, /sql\/0002_second\/down\.sql:2: division by zero/);
            assert.deepEqual(await project.applied(), ["0001", "0002"]);
            assert.equal((await project.client.query("select from public.second where id = 5")).rowCount, 1);

            await project.write({ "0001_first": {}, "0002_second": {} });
            await project.must("migrate down --stdin", { stdin: project.stdin("0002") });
            assert.deepEqual(await project.applied(), ["0001"]);
            assert.deepEqual(await tables(project), ["first"]);
        });

        it("after an error the mended migration is applied", async () => {
            await refusedUp({ up: "create table public.second (id bigint);\nselect 1 / 0;" });
            await project.write({ "0001_first": {}, "0002_second": { up: "create table public.second (id bigint);" } });
            const { stdout } = await project.must("migrate up");
            assert.match(stdout, /^0002_second applied in \d+ ms on \d+\/project_/m);
            assert.deepEqual(await tables(project), ["first", "second"]);
            assert.deepEqual(await project.history(), ["up 0001", "up 0002", "down 0002", "up 0002"]);
        });
    });
}

/** Tables of schema public. */
async function tables({ client }: SqlProject): Promise<string[]> {
    const { rows } = await client.query(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
    );
    return rows.map(({ relname }) => relname);
}
