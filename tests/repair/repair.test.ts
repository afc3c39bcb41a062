import assert from "node:assert/strict";
import { byPersons, driftOf } from "../../preview/drift/drift.ts";
import { readSnapshot } from "../../preview/drift/snapshot.ts";
import { lookAt } from "../../preview/look/look.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject, type Trio } from "../support/sqlProject.ts";

const first = { "0001_first": {} };
const both = { "0001_first": {}, "0002_second": {} };
const three = { ...both, "0003_third": {} };

for (const major of [15, 17] as const) {
    describe(`repair (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major, settings: { log_statement: "all" } });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster, first);
            await project.must("migrate up");
        });
        afterEach(() => project?.remove());

        /** Somebody does by hand what 0002 does, and the ledger is told. */
        async function secondByHand(trio: Trio = {}, options = "--reason=by-hand"): Promise<void> {
            await project.write({ "0001_first": {}, "0002_second": trio });
            await project.client.query(trio.up ?? "create table public.second (id bigint primary key)");
            await project.must(`repair applied 0002 ${options}`);
        }

        async function drift(): Promise<string[]> {
            const found = driftOf(await lookAt(project.environment), await readSnapshot(project.environment));
            return byPersons(found).map(({ key }) => key);
        }

        /** What a repair names as no drift from then on. */
        const vouched = (stderr: string) => stderr.match(/^ {2}\S.*$/gm)?.map(line => line.trim());

        async function refused(command: string, said: RegExp): Promise<void> {
            const before = [await project.applied(), await project.history()];
            const { code, stderr, stdout } = await project.run(command);
            assert.equal(code, 1, command);
            assert.match(stderr, said);
            assert.doesNotMatch(stderr, /^\s+at /m);
            assert.equal(stdout, "");
            assert.deepEqual([await project.applied(), await project.history()], before);
        }

        describe("applied", () => {
            it("marks the next migration without running it, and the history keeps who, when and why", async () => {
                await project.write(both);
                const log = (await cluster.log()).length;
                const { stdout } = await project.must("repair applied 0002 --reason=by-hand-on-Monday", {
                    env: { SIMULATION_DB_STACK: "p/prod" },
                });
                assert.equal(stdout, "0002_second is marked as applied; nothing was run\n");
                assert.doesNotMatch(
                    (await cluster.log()).slice(log),
                    /(statement|execute .*): create table public\.second/,
                );
                assert.deepEqual(await project.applied(), ["0001", "0002"]);
                const { rows } = await project.admin.query(
                    "select action, version, slug, stack, by_role, detail, duration_ms, up_hash <> '' as hashed from simulation_db.history order by id desc limit 1",
                );
                assert.deepEqual(rows[0], {
                    action: "repair applied",
                    version: "0002",
                    slug: "second",
                    stack: "p/prod",
                    by_role: "postgres",
                    detail: "by-hand-on-Monday",
                    duration_ms: null,
                    hashed: true,
                });
                assert.match(
                    (await project.must("status")).stdout,
                    /^applied +0002_second +\S+Z by postgres marked by repair$/m,
                );
            });

            it("settles the drift that the change by hand was, and names all that it takes along", async () => {
                await project.write(both);
                await project.client.query(
                    "create table public.second (id bigint primary key); create schema theirs; drop table public.first",
                );
                const found = await drift();
                assert.ok(found.includes("table public.second") && found.includes("table public.first"));
                const { stderr } = await project.must("repair applied 0002 --reason=x");
                assert.match(
                    stderr,
                    /^from now on this is no drift; see that nothing is among it that was not meant:$/m,
                );
                assert.deepEqual(vouched(stderr)?.sort(), found.sort());
                assert.deepEqual(await drift(), []);
            });

            it("does not take from the one before what it has changed, where its run was killed before that was written down", async () => {
                await project.client.query("update simulation_db.migration set undo = null");
                await project.admin.query(
                    "truncate simulation_db.snapshot, simulation_db.snapshot_entry, simulation_db.snapshot_version",
                );
                await secondByHand();
                const { rows } = await project.client.query(
                    "select undo -> 'added' ? 'table public.first' as known from simulation_db.migration where version = '0001'",
                );
                assert.deepEqual(rows, [{ known: true }]);
            });

            it("a stack adopts it, and the migrations after it are applied as always", async () => {
                await secondByHand();
                const { stdout } = await project.must("migrate up --stdin", { stdin: project.stdin("0002") });
                assert.match(stdout, /^0002_second adopted in/);
                await project.write(three);
                await project.must("migrate up");
                assert.deepEqual(await project.history(), ["up 0001", "repair applied 0002", "up 0003"]);
            });

            it("is refused without a reason, out of order, for what is applied, and for what the folder does not have", async () => {
                await project.write(three);
                await refused("repair applied 0002 --reason=", /^a repair needs a reason/);
                await refused("repair applied 0002", /required option '--reason <text>' not specified/);
                await refused(
                    "repair applied 0003 --reason=x",
                    /^0003_third is out of order: 0002_second comes before it\.$/m,
                );
                await refused(
                    "repair applied 0001 --reason=x",
                    /^0001_first is applied already: there is nothing to repair\.$/m,
                );
                await refused("repair applied 0009 --reason=x", /^the sql folder has no migration 0009\.$/m);
            });

            it("is refused while the folder contradicts the ledger", async () => {
                await project.write({ "0001_first": { up: "create table public.other (id int);" }, "0002_second": {} });
                await refused("repair applied 0002 --reason=x", /^the sql folder contradicts what is applied/);
            });

            it("forgets how far an interrupted run of it had come", async () => {
                const up =
                    "-- transaction: none\ncreate index concurrently a on public.first (id);\ncreate index concurrently b on public.nowhere (id);";
                const trio = { up, down: "drop index concurrently public.a;", verify: "select 'public.a'::regclass;" };
                await project.write({ "0001_first": {}, "0002_second": trio });
                assert.equal((await project.run("migrate up")).code, 1);
                await project.must("repair applied 0002 --reason=finished-by-hand");
                assert.equal((await project.client.query("select from simulation_db.unfinished")).rowCount, 0);
                await project.must("migrate down");
                assert.deepEqual(await project.applied(), ["0001"]);
                assert.equal((await project.client.query("select from pg_class where relname = 'a'")).rowCount, 0);
            });
        });

        describe("the rollback of what was marked as applied", () => {
            it("keeps the rows that it takes away, and the next up puts them back", async () => {
                await secondByHand();
                await project.client.query("insert into public.second select generate_series(1, 50)");
                const { stdout, stderr } = await project.must("migrate down");
                assert.match(stdout, /^0002_second rolled back in/);
                assert.match(stderr, /^0002_second: 50 rows kept in the archive$/m);
                assert.deepEqual(await project.applied(), ["0001"]);
                await project.must("migrate up");
                const { rows } = await project.client.query(
                    "select count(*)::int as count, sum(id)::int as sum from public.second",
                );
                assert.deepEqual(rows, [{ count: 50, sum: 1275 }]);
            });

            it("keeps columns as well, also when a stack has adopted it and other things have changed since", async () => {
                await secondByHand({
                    up: "alter table public.first add column note text;",
                    down: "alter table public.first drop column note;",
                    verify: "select note from public.first;",
                });
                await project.must("migrate up --stdin", { stdin: project.stdin("0002") });
                await project.client.query("insert into public.first values (1, 'one'), (2, null)");
                await project.client.query(
                    "create table public.theirs (id int); alter table public.first add column theirs int",
                );
                const { stderr } = await project.must("migrate down");
                assert.match(stderr, /^0002_second: 1 rows kept in the archive$/m);
                assert.deepEqual((await project.client.query("select * from public.first order by id")).rows, [
                    { id: "1", theirs: null },
                    { id: "2", theirs: null },
                ]);
                await project.must("migrate up");
                assert.equal(
                    (await project.client.query("select note from public.first where id = 1")).rows[0].note,
                    "one",
                );
            });

            it("takes rows out that down says could not be there before", async () => {
                await project.client.query("alter table public.first add column owner int not null default 0");
                await secondByHand({
                    up: "alter table public.first alter column owner drop not null;",
                    down: "-- archive-rows: public.first where owner is null\nalter table public.first alter column owner set not null;",
                    verify: "select owner from public.first;",
                });
                await project.client.query("insert into public.first values (1, 1), (2, null)");
                await project.must("migrate down");
                assert.equal((await project.client.query("select from public.first")).rowCount, 1);
                await project.must("migrate up");
                assert.equal((await project.client.query("select from public.first")).rowCount, 2);
            });

            it("that fails leaves everything as it was, and works when down is mended", async () => {
                await secondByHand({ down: "drop table public.second;\nselect 1 / 0;" });
                await project.client.query("insert into public.second values (1)");
                const { code, stderr } = await project.run("migrate down");
                assert.equal(code, 1);
                assert.match(stderr, /sql\/0002_second\/down\.sql:2: division by zero/);
                assert.deepEqual(await project.applied(), ["0001", "0002"]);
                assert.equal((await project.client.query("select from public.second")).rowCount, 1);
                await project.write(both);
                await project.must("migrate record --stdin", { stdin: project.stdin("0002") });
                await project.must("migrate down");
                assert.deepEqual(await project.applied(), ["0001"]);
            });

            it("runs the down of a migration without a transaction", async () => {
                await secondByHand({
                    up: "-- transaction: none\ncreate index concurrently second on public.first (id);",
                    down: "drop index concurrently public.second;",
                    verify: "select 'public.second'::regclass;",
                });
                await project.must("migrate down");
                assert.deepEqual(await project.applied(), ["0001"]);
                await project.must("migrate up");
                await project.must("migrate down");
            });

            it("keeps nothing where the stack says so", async () => {
                await secondByHand();
                await project.client.query("insert into public.second values (1)");
                await project.must("migrate down", { env: { SIMULATION_DB_ARCHIVE: "off" } });
                assert.equal((await project.must("archive list")).stdout, "the archive is empty\n");
            });
        });

        describe("a migration whose up says what it found", () => {
            const trio = {
                up: `create table public.second (id int);
                     select set_config('simulation_db.found', '{"made": true}', false);`,
                down: `do $$ begin
                           if (current_setting('simulation_db.found')::jsonb ->> 'made')::boolean then drop table public.second; end if;
                       end $$;`,
            };

            it("is not marked without that, as its down goes by it", async () => {
                await project.write({ "0001_first": {}, "0002_second": trio });
                await refused(
                    "repair applied 0002 --reason=x",
                    /^sql\/0002_second\/up\.sql writes down what it finds \(simulation_db\.found\), and its down goes by that\.\n  → say what/,
                );
                await refused("repair applied 0002 --reason=x --found={", /^--found is no JSON: \{/);
            });

            for (const made of [true, false]) {
                it(`goes by what it is told: ${made ? "made" : "found there"}`, async () => {
                    await secondByHand(trio, `--reason=x --found={"made":${made}}`);
                    await project.must("migrate down");
                    const { rowCount } = await project.client.query("select from pg_class where relname = 'second'");
                    assert.equal(rowCount, made ? 0 : 1);
                });
            }
        });

        describe("reverted", () => {
            it("marks the newest as not applied without running anything, and it can be applied again", async () => {
                await project.write(both);
                await project.must("migrate up");
                await project.client.query("drop table public.second");
                const { stdout, stderr } = await project.must("repair reverted 0002 --reason=dropped-by-hand");
                assert.equal(stdout, "0002_second is marked as not applied; nothing was run\n");
                assert.equal(
                    stderr.replace(/^ {2}.*\n/gm, ""),
                    "from now on this is no drift; see that nothing is among it that was not meant:\n" +
                        "where a stack has it in its state: node runner/main.ts migrate up applies it again, and the stack finds it; " +
                        "or remove its folder, and npm run up makes the stack forget it\n",
                );
                assert.ok(vouched(stderr)?.includes("table public.second"));
                assert.deepEqual(await drift(), []);
                assert.deepEqual(await project.applied(), ["0001"]);
                // What a stack runs for a folder that is gone, and for one that is there.
                const { stdout: gone } = await project.must("migrate down --stdin", { stdin: project.stdin("0002") });
                assert.match(gone, /^0002_second nothing to undo in /);
                await project.must("migrate up");
                assert.deepEqual(await project.history(), ["up 0001", "up 0002", "repair reverted 0002", "up 0002"]);
                const { rows } = await project.admin.query(
                    "select detail from simulation_db.history where action = 'repair reverted'",
                );
                assert.deepEqual(rows, [{ detail: "dropped-by-hand" }]);
            });

            it("works for a migration whose folder is gone: what is applied, the ledger knows", async () => {
                await project.write(both);
                await project.must("migrate up");
                await project.write(first);
                await project.must("repair reverted 0002 --reason=x");
                assert.deepEqual(await project.applied(), ["0001"]);
            });

            it("is refused without a reason, out of order, and for what is not applied", async () => {
                await project.write(three);
                await project.must("migrate up --to 0002");
                await refused("repair reverted 0002 --reason=", /^a repair needs a reason/);
                await refused(
                    "repair reverted 0001 --reason=x",
                    /^0001_first is out of order: 0002_second was applied after it\./,
                );
                await refused("repair reverted 0003 --reason=x", /^0003 is not applied: there is nothing to repair\./);
            });

            it("a version marked as applied can be marked back", async () => {
                await project.write(both);
                await project.must("repair applied 0002 --reason=mistaken");
                await project.must("repair reverted 0002 --reason=it-was-another-database");
                await project.must("migrate up");
                assert.deepEqual(await project.applied(), ["0001", "0002"]);
            });
        });

        for (const verb of ["applied", "reverted"]) {
            it(`${verb} takes a version as every command does`, async () => {
                const { code, stderr } = await project.run(`repair ${verb} 2 --reason=x`);
                assert.equal(code, 1);
                assert.match(stderr, /A version has four digits, for example 0007\./);
            });
        }

        it("what is marked is mirrored to Supabase's ledger, and taken out again", async () => {
            const mirrored = async () => {
                const { rows } = await project.admin.query(
                    "select version from supabase_migrations.schema_migrations order by 1",
                );
                return rows.map(({ version }) => version);
            };
            await project.write(both);
            await project.must("repair applied 0002 --reason=x");
            assert.deepEqual(await mirrored(), ["0001", "0002"]);
            await project.must("repair reverted 0002 --reason=x");
            assert.deepEqual(await mirrored(), ["0001"]);
        });
    });
}
