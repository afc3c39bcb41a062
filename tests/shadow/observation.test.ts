import assert from "node:assert/strict";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { locksOf, majors, onlyTrial, rehearsePending, statementWith } from "./ground.ts";

/** What each project here starts with. */
const tables = `
    create table public.people (id bigint primary key, name varchar(100) not null, updated_at timestamptz);
    create table public.visits (id bigint primary key, person_id bigint references public.people (id), note text);
    create view public.names as select name from public.people;
    insert into public.people values (1, 'Ada', now());
    insert into public.visits values (1, 1, 'first');`;

/** A migration of one file, whose down is not what the test is about. */
const up = (sql: string) => ({ "0001_change": { up: sql, down: "select 1;", verify: "select 1;" } });

for (const major of majors) {
    describe(`what a rehearsal observes (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster);
            await project.client.query(tables);
        });
        afterEach(() => project?.remove());

        it("an error that only running it shows is PostgreSQL's own, with file, line and statement", async () => {
            const sql =
                "-- A longer name.\nselect 1;\n\nalter table public.people\n    alter column name type varchar(300);\n";
            const { proof, up: trials } = await rehearsePending(project, up(sql));
            const failure = trials[0]?.failure;
            assert.equal(failure?.message, "cannot alter type of a column used by a view or rule");
            assert.match(failure?.detail ?? "", /^rule _RETURN on view (public\.)?names depends on column "name"$/);
            assert.deepEqual(
                { cause: failure?.cause, code: failure?.code, file: failure?.place.file, line: failure?.place.line },
                { cause: "migration", code: "0A000", file: "sql/0001_change/up.sql", line: 4 },
            );
            // It was tried, and this is what came of it.
            assert.ok(proof.verified, proof.words);
        });

        it("the line of an error inside a statement is the one that PostgreSQL points at", async () => {
            const { up: trials } = await rehearsePending(
                project,
                up("create table public.other (\n    id bigint,\n    at timestmp\n);\n"),
            );
            assert.equal(trials[0]?.failure?.message, 'type "timestmp" does not exist');
            assert.equal(trials[0]?.failure?.place.line, 3);
        });

        it("what a DO block builds at run time is in the catalog after it, and the block's statements are told", async () => {
            const trial = onlyTrial(
                await rehearsePending(
                    project,
                    up(
                        "do $$ begin execute format('create table public.%I (id bigint)', 'made_' || 'inside'); end $$;",
                    ),
                ),
            );
            assert.ok(trial.after.has("table public.made_inside"));
            assert.ok(!trial.before.has("table public.made_inside"));
            assert.ok(trial.statements[0]?.inner?.some(query => query.includes("create table public.made_inside")));
        });

        it("rows that a DO block or a function deletes are told, though the shadow has none", async () => {
            const trial = onlyTrial(
                await rehearsePending(
                    project,
                    up(`do $$ begin delete from public.visits where id < 100; end $$;
                        create function public.clear() returns void language sql as 'update public.people set name = ''''';
                        select public.clear();`),
                ),
            );
            const inner = trial.statements.map(statement => statement.inner?.join("\n") ?? "");
            assert.match(inner[0] ?? "", /delete from public\.visits where id < /);
            assert.match(inner[2] ?? "", /update public\.people set name = /);
        });

        it("the copy is of the target as it is: what somebody changed by hand stands in the way of a migration", async () => {
            await project.client.query("alter table public.visits add column rating integer");
            const { up: trials } = await rehearsePending(
                project,
                up("alter table public.visits add column rating integer;"),
            );
            assert.equal(trials[0]?.failure?.message, 'column "rating" of relation "visits" already exists');
        });

        it("a table that is dropped and made again the same is lost, though the catalog ends as it began", async () => {
            const trial = onlyTrial(
                await rehearsePending(
                    project,
                    up(
                        "drop table public.visits;\n" +
                            "create table public.visits (id bigint primary key, person_id bigint references public.people (id), note text);",
                    ),
                ),
            );
            assert.deepEqual(statementWith("drop table", trial).lost, [{ kind: "table", name: "public.visits" }]);
            assert.deepEqual(trial.after, trial.before);
        });

        it("a column that is dropped and added again is lost, and one that is renamed is not", async () => {
            const trial = onlyTrial(
                await rehearsePending(
                    project,
                    up(`alter table public.people drop column updated_at, add column updated_at timestamptz;
                        alter table public.visits rename column note to remark;
                        alter table public.visits rename to calls;`),
                ),
            );
            assert.deepEqual(
                trial.statements.flatMap(({ lost }) => lost),
                [{ kind: "column", name: "public.people.updated_at" }],
            );
            assert.deepEqual(
                trial.statements.flatMap(({ renamed }) => renamed),
                [
                    { kind: "column", from: "public.visits.note", to: "public.visits.remark" },
                    { kind: "table", from: "public.visits", to: "public.calls" },
                ],
            );
        });

        it("truncate is seen by the table's new file, also inside a block and by cascade", async () => {
            const direct = onlyTrial(await rehearsePending(project, up("truncate public.people cascade;")));
            assert.deepEqual([...(direct.statements[0]?.truncated ?? [])].sort(), ["public.people", "public.visits"]);
            const inside = onlyTrial(
                await rehearsePending(project, up("do $$ begin execute 'truncate public.visits'; end $$;")),
            );
            assert.deepEqual(inside.statements[0]?.truncated, ["public.visits"]);
        });

        it("a default that is worked out for each row rewrites the table, and one that is the same for all does not", async () => {
            const trial = onlyTrial(
                await rehearsePending(
                    project,
                    up(`alter table public.people add column key uuid default gen_random_uuid();
                        alter table public.people add column seen timestamptz default now();`),
                ),
            );
            assert.deepEqual(statementWith("gen_random_uuid", trial).rewritten, ["public.people"]);
            assert.deepEqual(statementWith("gen_random_uuid", trial).truncated, []);
            assert.deepEqual(statementWith("now()", trial).rewritten, []);
        });

        it("a foreign key locks the table that it points at, and each lock is told where it is first taken", async () => {
            const trial = onlyTrial(
                await rehearsePending(
                    project,
                    up(`create table public.calls (person_id bigint references public.people (id));
                        alter table public.people add column age integer;
                        alter table public.people add column height integer;
                        select name from public.people;`),
                ),
            );
            assert.deepEqual(trial.statements.map(locksOf), [
                ["public.people ShareRowExclusiveLock"],
                ["public.people AccessExclusiveLock"],
                [],
                [],
            ]);
        });

        it("each migration takes its own locks: those of the one before it ended with its transaction", async () => {
            const rehearsal = await rehearsePending(project, {
                "0001_first": up("create index on public.people (name);")["0001_change"],
                "0002_second": up("create index on public.people (updated_at);")["0001_change"],
                "0003_third": up("alter table public.people add column age integer;")["0001_change"],
            });
            assert.deepEqual(
                rehearsal.up.map(({ statements }) => statements.map(locksOf)),
                [[["public.people ShareLock"]], [["public.people ShareLock"]], [["public.people AccessExclusiveLock"]]],
            );
        });

        it("a migration without a transaction is run and marked as not observed", async () => {
            const trial = onlyTrial(
                await rehearsePending(project, {
                    "0001_index": {
                        up: "-- transaction: none\ncreate index concurrently visits_person on public.visits (person_id);\n",
                        down: "drop index concurrently public.visits_person;\n",
                        verify: "select 'public.visits_person'::regclass;\n",
                    },
                }),
            );
            assert.equal(trial.statements[0]?.observed, false);
            assert.ok(trial.after.has("index public.visits_person"));
            assert.equal(trial.reversal?.verdict, "restored");
        });

        it("a verify that fails is told as the migration's failure, and the down after it is not tried", async () => {
            const trial = onlyTrial(
                await rehearsePending(project, {
                    "0001_calls": { verify: "do $$ begin\n    raise exception 'calls is not as wanted';\nend $$;\n" },
                }),
            );
            assert.equal(trial.failure?.message, "calls is not as wanted");
            assert.equal(trial.failure?.place.file, "sql/0001_calls/verify.sql");
            assert.equal(trial.failure?.cause, "migration");
            assert.deepEqual(trial.after, trial.before);
            assert.equal(trial.reversal, undefined);
        });
    });
}
