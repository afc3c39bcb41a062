import assert from "node:assert/strict";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type Run, type SqlProject, sqlProject, type Trio } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";

/** Key of an advisory lock; whoever holds it keeps an index on `public.gated(…)` from being built. */
const gate = 77;

/** Not of a migration: what the migrations of these tests work on. */
const table = `
    create table public.items (id bigint primary key, kind text not null, size integer not null);
    insert into public.items select n, 'kind ' || n % 10, n from generate_series(1, 1000) n;
    create function public.gated(integer) returns integer language plpgsql immutable
        as 'begin perform pg_advisory_xact_lock_shared(${gate}); return $1; end'`;

const indexes: Trio = {
    up: [
        "-- transaction: none",
        "-- Two indexes.",
        "create index concurrently items_kind on public.items (kind);",
        "create index concurrently items_size on public.items (public.gated(size));",
        "",
    ].join("\n"),
    down: "drop index concurrently public.items_size;\ndrop index concurrently public.items_kind;\n",
    verify: "select 1 / (count(*) = 2)::int from pg_indexes where indexname in ('items_kind', 'items_size');\n",
};

for (const major of [15, 17] as const) {
    describe(`migrations without a transaction (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster, { "0001_indexes": indexes });
            await project.client.query(table);
        });
        afterEach(() => project?.remove());

        it("builds indexes concurrently and drops them concurrently", async () => {
            await project.must("migrate up");
            assert.deepEqual(await indexesOf(project), {
                items_kind: "valid",
                items_size: "valid",
            });
            await project.must("migrate down");
            assert.deepEqual(await indexesOf(project), {});
            assert.deepEqual(await project.history(), ["up 0001", "down 0001"]);
        });

        it("killed in the middle, the next run goes on there: what is done stays, what is INVALID is built again", async () => {
            await killWhileBuilding(project);
            assert.deepEqual(await indexesOf(project), {
                items_kind: "valid",
                items_size: "invalid",
            });
            assert.deepEqual(await project.applied(), []);
            const { stdout } = await project.must("status");
            assert.match(stdout, /interrupted +0001_indexes +on its way up, 1 statements done/);
            const done = await oidOf(project, "items_kind");

            const { stderr } = await project.must("migrate up");
            assert.match(stderr, /items_size was left INVALID by an interrupted run/);
            assert.doesNotMatch(stderr, /statement 1 of 2/);
            assert.deepEqual(await indexesOf(project), {
                items_kind: "valid",
                items_size: "valid",
            });
            assert.equal(await oidOf(project, "items_kind"), done, "the first index was built again");
            assert.deepEqual(await project.applied(), ["0001"]);
            assert.deepEqual(await leftOver(project), []);
        });

        it("resumed or not, its down restores what was there", async () => {
            await killWhileBuilding(project);
            await project.must("migrate up");
            await project.must("migrate down");
            assert.deepEqual(await indexesOf(project), {});
            assert.deepEqual(await project.applied(), []);
        });

        // What follows does not depend on the version of the server.
        if (major === 17) return;

        it("killed after an index was built and before that was written down, it is not built twice", async () => {
            const open = await closeGate(project);
            const run = project.start("migrate up");
            await underWay(project, "items_size");
            run.child.kill("SIGSTOP");
            await open();
            await until("the index is built", async () => (await indexesOf(project)).items_size === "valid");
            await run.kill9();

            const built = await oidOf(project, "items_size");
            await project.must("migrate up");
            assert.equal(await oidOf(project, "items_size"), built);
            assert.deepEqual(await indexesOf(project), {
                items_kind: "valid",
                items_size: "valid",
            });
        });

        it("a transaction of somebody else holds the index up, and nobody else with it", async () => {
            const other = await project.connect();
            await other.query("begin; update public.items set size = size where id = 1");
            const run = project.start("migrate up");
            await underWay(project, "items_kind");
            // Whoever waited for the other transaction, which has not ended, would never get through.
            await project.client.query("set statement_timeout = '20s'");
            for (let turn = 0; turn < 20; turn += 1)
                await project.client.query("update public.items set size = size where id = 2");
            await other.query("rollback");
            assert.equal((await run.outcome).code, 0, run.printed());
        });

        for (const state of ["valid", "INVALID"] as const) {
            it(`an index of somebody else with that name, ${state}, is refused and stays, however often one tries`, async () => {
                if (state === "valid") await project.client.query("create index items_size on public.items (id, size)");
                else {
                    await project.client.query("insert into public.items values (0, 'kind 1', 7)");
                    const duplicate = project.client.query(
                        "create unique index concurrently items_size on public.items (size)",
                    );
                    await assert.rejects(duplicate, /could not create unique index/);
                }
                const theirs = await oidOf(project, "items_size");
                for (let attempt = 1; attempt <= 3; attempt += 1) {
                    const { code, stderr } = await project.run("migrate up");
                    assert.equal(code, 1, `attempt ${attempt}: ${stderr}`);
                    assert.match(stderr, /up\.sql:4: there is an index public\.items_size already/);
                    assert.equal(await oidOf(project, "items_size"), theirs);
                }
                // The way back takes what the migration made, and nothing else.
                await project.run("migrate down --stdin", {
                    stdin: project.stdin("0001"),
                });
                assert.deepEqual(Object.keys(await indexesOf(project)), ["items_size"]);
                assert.equal(await oidOf(project, "items_size"), theirs);
            });
        }

        it("an index that cannot be built is not left behind INVALID, and the mended migration is applied", async () => {
            await project.client.query("insert into public.items values (0, 'kind 1', 7)");
            const unique: Trio = {
                up: "-- transaction: none\ncreate unique index concurrently items_size on public.items (size);",
                down: "drop index concurrently public.items_size;",
                verify: "select 1;",
            };
            await project.write({ "0001_unique": unique });
            const { code, stderr } = await project.run("migrate up");
            assert.equal(code, 1);
            assert.match(stderr, /0001_unique\/up\.sql:2: could not create unique index "items_size"/);
            assert.match(stderr, /Key \(size\)=\(7\) is duplicated/);
            assert.deepEqual(await indexesOf(project), {});

            await project.client.query("delete from public.items where id = 0");
            await project.must("migrate up");
            assert.deepEqual(await indexesOf(project), { items_size: "valid" });
        });

        it("a statement that runs too long is ended, and leaves no INVALID index", async () => {
            const open = await closeGate(project);
            const slow = {
                ...indexes,
                up: `-- statement-timeout: 4s\n${indexes.up}`,
            };
            await project.write({ "0001_indexes": slow });
            const { code, stderr } = await project.run("migrate up");
            assert.equal(code, 1);
            assert.match(stderr, /up\.sql:5: canceling statement due to statement timeout/);
            assert.match(stderr, /-- statement-timeout/);
            assert.deepEqual(await indexesOf(project), { items_kind: "valid" });

            await open();
            await project.must("migrate up");
            assert.deepEqual(await indexesOf(project), {
                items_kind: "valid",
                items_size: "valid",
            });
        });

        it("text that was edited after an interruption: what was begun is taken back, the new text is applied", async () => {
            await killWhileBuilding(project);
            const edited: Trio = {
                up: "-- transaction: none\ncreate index concurrently items_both on public.items (kind, size);",
                down: "drop index concurrently public.items_both;",
                verify: "select 1;",
            };
            await project.write({ "0001_indexes": edited });
            await project.must("migrate up");
            assert.deepEqual(await indexesOf(project), { items_both: "valid" });
            assert.deepEqual(await leftOver(project), []);
            await project.must("migrate down");
            assert.deepEqual(await indexesOf(project), {});
        });

        it("text that was edited into one with a transaction: what was begun is taken back first", async () => {
            await killWhileBuilding(project);
            await project.write({
                "0001_indexes": {
                    up: "create index items_kind on public.items (kind);",
                    down: "drop index public.items_kind;",
                    verify: "select 1;",
                },
            });
            await project.must("migrate up");
            assert.deepEqual(await indexesOf(project), { items_kind: "valid" });
            await project.must("migrate down");
            assert.deepEqual(await indexesOf(project), {});
        });

        it("an interrupted up is taken back when the next run goes back further", async () => {
            await project.write({ "0001_first": {}, "0002_indexes": indexes });
            await killWhileBuilding(project);
            assert.deepEqual(await project.applied(), ["0001"]);
            await project.must("migrate down --stdin", { stdin: project.stdin("0001") });
            assert.deepEqual(await project.applied(), []);
            assert.deepEqual(await indexesOf(project), {});
            assert.deepEqual(await leftOver(project), []);
            await project.must("migrate up");
            assert.deepEqual(await indexesOf(project), { items_kind: "valid", items_size: "valid" });
        });

        /** A migration that drops an index and builds another, whose down has this at its head or its end. */
        const instead = ({ head = "", end = "" }): Record<string, Trio> => ({
            "0001_indexes": {
                up: [
                    "-- transaction: none",
                    "drop index concurrently public.items_kind;",
                    "create index concurrently items_size on public.items (public.gated(size));",
                ].join("\n"),
                down: `${head}\ndrop index concurrently public.items_size;\n${end}`,
                verify: "select 1;",
            },
        });
        const again = "create index concurrently items_kind on public.items (kind);";

        /** Interrupts it after it has dropped the one and begun the other. */
        async function killInstead(down: { head?: string; end?: string }): Promise<void> {
            await project.client.query("create index items_kind on public.items (kind)");
            await project.write(instead(down));
            await killWhileBuilding(project);
        }

        it("an interrupted up that dropped an index is taken back by building it again", async () => {
            await killInstead({ end: again });
            await project.must("migrate down --stdin", { stdin: project.stdin("0001") });
            assert.deepEqual(await indexesOf(project), { items_kind: "valid" });
        });

        it("an interrupted up that dropped an index which is declared not to be restored is taken back without it", async () => {
            await killInstead({ head: "-- not-restored: index public.items_kind" });
            await project.must("migrate down");
            assert.deepEqual(await indexesOf(project), {});
            assert.deepEqual(await leftOver(project), []);
        });

        for (const [advice, head, followed] of [
            ["the new text", "", "migrate up"],
            ["the declaration", "-- not-restored: index public.items_kind", "migrate up"],
            ["by hand", undefined, "migrate down"],
        ] as const) {
            it(`where down does not make the dropped index again nothing is taken back, and what the error says leads out: ${advice}`, async () => {
                await killInstead({});
                const { code, stderr } = await project.run("migrate down");
                assert.equal(code, 1);
                assert.match(
                    stderr,
                    /down\.sql does not make the index public\.items_kind again, which an interrupted up has dropped: nothing was taken back\.$/m,
                );
                assert.match(
                    stderr,
                    /→ add its create index concurrently to down\.sql, or "-- not-restored: index public\.items_kind" at the head; npm run up \(from a shell: node runner\/main\.ts migrate up\)/,
                );
                assert.match(stderr, /→ or build the index by hand, and run the same command again/);
                assert.deepEqual(await indexesOf(project), { items_size: "invalid" });
                assert.deepEqual(await leftOver(project), ["0001"]);

                if (head === undefined) await project.client.query("create index items_kind on public.items (kind)");
                else await project.write(instead(head === "" ? { end: again } : { head }));
                await project.must(followed);
                if (head !== undefined) await project.must("migrate down");
                assert.deepEqual(await indexesOf(project), head ? {} : { items_kind: "valid" });
                assert.deepEqual(await project.applied(), []);
                assert.deepEqual(await leftOver(project), []);
            });
        }

        it("a down that was mended before an interrupted up went on is that by which it is taken back", async () => {
            await killInstead({});
            await project.write(instead({ end: again }));
            await killWhileBuilding(project);
            await project.must("migrate down");
            assert.deepEqual(await indexesOf(project), { items_kind: "valid" });
            assert.deepEqual(await leftOver(project), []);
        });

        for (const end of ["", again]) {
            it(`an up that was edited goes back by its down of before, or by its new one: ${end || "the one of before"}`, async () => {
                await killInstead({ end: end === "" ? again : "" });
                const edited: Trio = {
                    up: "-- transaction: none\ncreate index concurrently items_both on public.items (kind, size);",
                    down: `drop index concurrently public.items_both;\n${end}`,
                    verify: "select 1;",
                };
                await project.write({ "0001_indexes": edited });
                await project.must("migrate up");
                assert.deepEqual(await indexesOf(project), { items_both: "valid", items_kind: "valid" });
            });
        }

        it("taking an interrupted up back has more time by what the error says where an index cannot be dropped in time", async () => {
            await killWhileBuilding(project);
            const other = await project.connect();
            await other.query("begin; update public.items set size = size where id = 1");
            const { code, stderr } = await project.run("migrate down", {
                env: { SIMULATION_DB_STATEMENT_TIMEOUT_MS: "4000" },
            });
            assert.equal(code, 1);
            assert.match(stderr, /canceling statement due to statement timeout/);
            assert.match(stderr, /→ a step of up or destroy has more time with a higher statementTimeoutMs/);
            assert.doesNotMatch(stderr, /at the head of/);
            await other.query("rollback");
            await project.must("migrate down");
            assert.deepEqual(await indexesOf(project), {});
        });

        it("what was taken back in part is taken back to its end before the next up", async () => {
            await killWhileBuilding(project);
            const other = await project.connect();
            await other.query("begin; update public.items set size = size where id = 1");
            const back = await project.run("migrate down", { env: { SIMULATION_DB_STATEMENT_TIMEOUT_MS: "4000" } });
            assert.equal(back.code, 1);
            assert.notEqual((await indexesOf(project)).items_kind, "valid");
            await other.query("rollback");
            await project.must("migrate up");
            assert.deepEqual(await indexesOf(project), { items_kind: "valid", items_size: "valid" });
        });

        it("an interrupted up that built an index anew under its old name is taken back to the old one", async () => {
            await project.client.query("create index items_kind on public.items (kind)");
            await project.write({
                "0001_indexes": {
                    up: [
                        "-- transaction: none",
                        "drop index concurrently public.items_kind;",
                        "create index concurrently items_kind on public.items (kind, size);",
                        "create index concurrently items_size on public.items (public.gated(size));",
                    ].join("\n"),
                    down: [
                        "drop index concurrently public.items_size;",
                        "drop index concurrently public.items_kind;",
                        "create index concurrently items_kind on public.items (kind);",
                    ].join("\n"),
                    verify: "select 1;",
                },
            });
            await killWhileBuilding(project);
            await project.must("migrate down --stdin", { stdin: project.stdin("0001") });
            const { rows } = await project.client.query(
                "select indexdef from pg_indexes where indexname ~ '^items_[ks]'",
            );
            assert.deepEqual(rows, [{ indexdef: "CREATE INDEX items_kind ON public.items USING btree (kind)" }]);
        });

        it("taking an interrupted up back may take as long as its files say, or the stack where that is longer", async () => {
            // Building the index takes longer than the stack allows, which is more than the runner's own queries take.
            const stack = 2000;
            await project.client.query(`
                create function public.slow(integer) returns integer language plpgsql immutable
                    as 'begin perform pg_sleep(0.003); return $1; end';
                create index items_slow on public.items (public.slow(size))`);
            const trio = (timeout: string): Trio => ({
                up: [
                    "-- transaction: none",
                    "drop index concurrently public.items_slow;",
                    "create index concurrently items_size on public.items (public.gated(size));",
                ].join("\n"),
                down: [
                    `-- statement-timeout: ${timeout}`,
                    "drop index concurrently public.items_size;",
                    "create index concurrently items_slow on public.items (public.slow(size));",
                ].join("\n"),
                verify: "select 1;",
            });
            const back = (ms: number) =>
                project.run("migrate down", { env: { SIMULATION_DB_STATEMENT_TIMEOUT_MS: String(ms) } });

            await project.write({ "0001_indexes": trio("1min") });
            await killWhileBuilding(project);
            const first = await back(stack);
            assert.equal(first.code, 0, first.output);
            assert.deepEqual(await indexesOf(project), { items_slow: "valid" });

            // Where neither is long enough, it is the stack's that can still be made longer.
            await project.write({ "0001_indexes": trio("400ms") });
            await killWhileBuilding(project);
            const { code, stderr } = await back(stack);
            assert.equal(code, 1);
            assert.match(stderr, /down\.sql:3: canceling statement due to statement timeout/);
            assert.match(stderr, /→ a step of up or destroy has more time with a higher statementTimeoutMs/);
            assert.doesNotMatch(stderr, /at the head of/);
            const then = await back(60_000);
            assert.equal(then.code, 0, then.output);
            assert.deepEqual(await indexesOf(project), { items_slow: "valid" });
            assert.deepEqual(await leftOver(project), []);
        });

        it("its own down after an interrupted up takes back what was begun", async () => {
            await killWhileBuilding(project);
            await project.must("migrate down --stdin", {
                stdin: project.stdin("0001"),
            });
            assert.deepEqual(await indexesOf(project), {});
            assert.deepEqual(await project.applied(), []);
            assert.deepEqual(await leftOver(project), []);
        });

        it("an interrupted down goes on with the next down", async () => {
            await project.must("migrate up");
            await killWhileDropping(project);
            await project.must("migrate down --stdin", {
                stdin: project.stdin("0001"),
            });
            assert.deepEqual(await indexesOf(project), {});
            assert.deepEqual(await project.applied(), []);
            assert.deepEqual(await leftOver(project), []);
        });

        it("an up after an interrupted down ends with everything there", async () => {
            await project.must("migrate up");
            await killWhileDropping(project);
            await project.must("migrate up --stdin", {
                stdin: project.stdin("0001"),
            });
            assert.deepEqual(await indexesOf(project), {
                items_kind: "valid",
                items_size: "valid",
            });
            assert.deepEqual(await project.applied(), ["0001"]);
            assert.deepEqual(await leftOver(project), []);
        });

        it("a down that failed can be mended", async () => {
            await project.must("migrate up");
            const wrong = {
                ...indexes,
                down: `drop index concurrently public.items_none;\n${indexes.down}`,
            };
            await project.write({ "0001_indexes": wrong });
            await project.must("migrate record --stdin", {
                stdin: project.stdin("0001"),
            });
            const { code, stderr } = await project.run("migrate down");
            assert.equal(code, 1);
            assert.match(stderr, /down\.sql:1: index "items_none" does not exist/);

            await project.write({ "0001_indexes": indexes });
            await project.must("migrate record --stdin", {
                stdin: project.stdin("0001"),
            });
            await project.must("migrate down");
            assert.deepEqual(await indexesOf(project), {});
        });

        it("a down that forgets something says that it ran, and goes on below when its text was completed", async () => {
            await project.must("migrate up");
            const first = "drop index concurrently public.items_size;\n";
            await project.write({ "0001_indexes": { ...indexes, down: first } });
            await project.must("migrate record --stdin", { stdin: project.stdin("0001") });
            for (let attempt = 1; attempt <= 2; attempt += 1) {
                const { code, stderr } = await project.run("migrate down");
                assert.equal(code, 1);
                assert.match(
                    stderr,
                    /down\.sql ran to its end and does not undo exactly what up did\. Without a trans/,
                );
                assert.match(stderr, /left behind: index public\.items_kind/);
                assert.doesNotMatch(stderr, /so it was taken back/);
                assert.deepEqual(await indexesOf(project), { items_kind: "valid" });
                assert.deepEqual(await project.applied(), ["0001"]);
            }

            const completed = `${first}drop index concurrently public.items_kind;\n`;
            await project.write({ "0001_indexes": { ...indexes, down: completed } });
            await project.must("migrate record --stdin", { stdin: project.stdin("0001") });
            await project.must("migrate down");
            assert.deepEqual(await indexesOf(project), {});
            assert.deepEqual(await project.applied(), []);
            assert.deepEqual(await leftOver(project), []);
        });

        it("a down that forgets something, mended by hand, is complete with the next down", async () => {
            await project.must("migrate up");
            await project.write({
                "0001_indexes": { ...indexes, down: "drop index concurrently public.items_size;\n" },
            });
            await project.must("migrate record --stdin", { stdin: project.stdin("0001") });
            assert.equal((await project.run("migrate down")).code, 1);
            await project.client.query("drop index public.items_kind");
            await project.must("migrate down");
            assert.deepEqual(await project.applied(), []);
            assert.deepEqual(await leftOver(project), []);
        });

        for (const [to, left] of [
            ["", ["0001"]],
            [" --to 0001", ["0001"]],
            [" --to 0000", []],
        ] as const) {
            it(`migrate down${to} after an interrupted up takes that one back first`, async () => {
                await project.write({ "0001_first": {}, "0002_indexes": indexes });
                await killWhileBuilding(project);
                const { stdout } = await project.must(`migrate down${to}`);
                assert.match(stdout, /^0002_indexes taken back, which was interrupted on its way up on \d+\//);
                assert.deepEqual(await project.applied(), left);
                assert.deepEqual(await indexesOf(project), {});
                assert.deepEqual(await leftOver(project), []);
            });
        }

        it("the same statement twice in one file is done twice", async () => {
            const again: Trio = {
                up: [
                    "-- transaction: none",
                    "create index concurrently items_kind on public.items (kind);",
                    "drop index concurrently public.items_kind;",
                    "create index concurrently items_kind on public.items (kind);",
                    "drop index concurrently public.items_kind;",
                    "create index concurrently items_size on public.items (public.gated(size));",
                    "create index concurrently items_kind on public.items (kind);",
                ].join("\n"),
                down: indexes.down ?? "",
                verify: indexes.verify ?? "",
            };
            await project.write({ "0001_indexes": again });
            await killWhileBuilding(project);
            await project.must("migrate up");
            assert.deepEqual(await indexesOf(project), {
                items_kind: "valid",
                items_size: "valid",
            });
        });

        it("a constraint is validated without a transaction, and waits for no lock longer than it may", async () => {
            const check: Trio = {
                up: "alter table public.items add constraint items_size_known check (size > 0) not valid;",
                down: "alter table public.items drop constraint items_size_known;",
                verify: "select 1;",
            };
            const validate: Trio = {
                up: "-- transaction: none\nalter table public.items validate constraint items_size_known;",
                down: "alter table public.items validate constraint items_size_known;",
                verify: "select 1 / convalidated::int from pg_constraint where conname = 'items_size_known';",
            };
            await project.write({ "0001_check": check });
            await project.must("migrate up");
            const other = await project.connect();
            await other.query("begin; lock table public.items in share row exclusive mode");
            await project.write({
                "0001_check": check,
                "0002_validate": validate,
            });
            const run = project.start("migrate up");
            await until("it has tried", async () => /attempt 1 gave way to traffic/.test(run.printed()));
            await other.query("rollback");
            assert.equal((await run.outcome).code, 0);
        });

        it("what others do to the catalog while it runs is not its own, and its rollback leaves it alone", async () => {
            const check =
                "alter table public.items add constraint items_size_known check (public.gated(size) > 0) not valid";
            await project.client.query(check);
            await project.write({
                "0001_indexes": {
                    up: `${indexes.up}alter table public.items validate constraint items_size_known;`,
                    down: `-- not-restored: constraint items_size_known on public.items\n${indexes.down}`,
                    verify: "select 1;",
                },
            });
            await project.client.query("select pg_advisory_lock($1)", [gate]);
            const run = project.start("migrate up");
            await until("it waits at the gate", async () => (await project.waiting()) > 0);
            await project.client.query("create table public.theirs (id integer primary key)");
            await project.client.query("select pg_advisory_unlock($1)", [gate]);
            assert.equal((await run.outcome).code, 0);
            const { rows } = await project.client.query(
                "select array(select jsonb_object_keys(undo -> 'added') order by 1) as added from simulation_db.migration",
            );
            assert.deepEqual(rows[0].added, [
                "constraint items_size_known on public.items",
                "index public.items_kind",
                "index public.items_size",
            ]);
            await project.must("migrate down");
            assert.deepEqual((await project.client.query("select to_regclass('public.theirs')::text as it")).rows, [
                { it: "theirs" },
            ]);
        });

        it("an index whose building a deadlock ended is built again with all the time it had", async () => {
            // What is built reports how long it may take, and waits at the gate.
            await project.client.query(`
                create function public.reporting(integer) returns integer language plpgsql immutable as $$
                begin
                    if $1 = 1 then
                        raise log 'it may take %', current_setting('statement_timeout');
                    end if;
                    return public.gated($1);
                end $$`);
            await project.write({
                "0001_indexes": {
                    up: "-- transaction: none\n-- statement-timeout: 7min\ncreate index concurrently items_size on public.items (public.reporting(size));",
                    down: "drop index concurrently public.items_size;",
                    verify: "select 1;",
                },
            });
            const { admin } = project;
            await admin.query("set deadlock_timeout = '1min'");
            await admin.query("select pg_advisory_lock($1)", [gate]);
            const run = project.start("migrate up");
            await underWay(project, "items_size");
            await admin.query("begin; lock table public.items in share row exclusive mode");
            // The lock is held until the run has given up to take the INVALID index away.
            await until("it stays", async () => run.printed().includes("items_size stays INVALID for now"));
            await admin.query("rollback");
            await admin.query("select pg_advisory_unlock($1)", [gate]);
            const { code, stderr } = await run.outcome;
            assert.equal(code, 0, stderr);
            assert.match(stderr, /attempt 1 gave way to traffic: .*deadlock detected/);
            assert.deepEqual(await indexesOf(project), { items_size: "valid" });
            const reports = (await cluster.log()).match(/it may take \w+/g) ?? [];
            assert.ok(reports.length >= 2, `${reports.length} attempts`);
            assert.deepEqual([...new Set(reports)], ["it may take 7min"]);
        });

        it("progress is told per statement", async () => {
            const { stderr } = await project.must("migrate up");
            assert.match(stderr, /0001_indexes: statement 1 of 2: create index concurrently items_kind/);
            assert.match(stderr, /0001_indexes: statement 2 of 2: create index concurrently items_size/);
        });
    });
}

/** Closes the gate. Returns what opens it. */
async function closeGate(project: SqlProject): Promise<() => Promise<void>> {
    const keeper = await project.connect();
    await keeper.query("select pg_advisory_lock($1)", [gate]);
    return () => keeper.end();
}

/** Waits until the statement of a run on an index is under way. */
async function underWay({ admin }: SqlProject, index: string): Promise<void> {
    await until(`a statement on ${index} runs`, async () => {
        const { rows } = await admin.query(
            `select from pg_stat_activity where ${ofRunner} and query like $1 and wait_event_type = 'Lock'`,
            [`%concurrently%${index}%`],
        );
        return rows.length > 0;
    });
}

/** The runner's session here, in pg_stat_activity. */
const ofRunner = "datname = current_database() and application_name like 'simulation-db %'";

/** Kills a run in the middle of its second statement, which builds items_size. */
async function killWhileBuilding(project: SqlProject): Promise<void> {
    const open = await closeGate(project);
    const run = project.start("migrate up");
    await underWay(project, "items_size");
    await kill(project, run);
    await open();
}

/** Kills a rollback in the middle of its second statement, which drops items_kind. */
async function killWhileDropping(project: SqlProject): Promise<void> {
    const other = await project.connect();
    await other.query("begin; alter index public.items_kind set (fillfactor = 90)");
    const run = project.start("migrate down");
    await underWay(project, "items_kind");
    await kill(project, run);
    await other.query("rollback");
}

/** Kills a run, and its session with it: that the server notices by itself is tested elsewhere, and takes a second. */
async function kill({ admin }: SqlProject, run: Run): Promise<void> {
    await run.kill9();
    await until("the session is gone", async () => {
        const { rows } = await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${ofRunner}`);
        return rows.length === 0;
    });
}

/** The indexes of public.items but its primary key, by name. */
async function indexesOf({ admin }: SqlProject): Promise<Record<string, "valid" | "invalid">> {
    const { rows } = await admin.query(
        `select relname as name, indisvalid and indisready and indislive as valid
         from pg_index join pg_class on oid = indexrelid
         where indrelid = to_regclass('public.items') and not indisprimary order by relname`,
    );
    return Object.fromEntries(rows.map(({ name, valid }) => [name, valid ? "valid" : "invalid"]));
}

async function oidOf({ admin }: SqlProject, index: string): Promise<number> {
    const { rows } = await admin.query("select to_regclass($1)::oid as oid", [`public.${index}`]);
    return rows[0].oid;
}

async function leftOver({ admin }: SqlProject): Promise<string[]> {
    const { rows } = await admin.query("select version from simulation_db.unfinished");
    return rows.map(({ version }) => version);
}
