import assert from "node:assert/strict";
import { listArchive } from "../../runner/archive/registry.ts";
import { fences, readPage } from "../docs/pages.ts";
import { assertPrinted, shownCommands } from "../docs/shown.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";

const longName = `a_table_whose_name_is_as_long_as_a_name_in_postgresql_may_be_long`.slice(0, 63);

for (const major of [15, 17] as const) {
    describe(`the archive's commands (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster, {
                "0001_people": { up: "create table public.people (id int primary key);" },
                "0002_names": {
                    up: "alter table public.people add column name text;",
                    down: "alter table public.people drop column name;",
                    verify: "select name from public.people;",
                },
                "0003_long": {
                    up: `create table public.${longName} (id int primary key);`,
                    down: `drop table public.${longName};`,
                    verify: `select from public.${longName};`,
                },
            });
            await project.must("migrate up");
            await project.client.query(`
                insert into public.people select n, 'name ' || n from generate_series(1, 1234) as n;
                insert into public.${longName} values (1)`);
            await project.must("migrate down --to 0001");
        });
        afterEach(() => project?.remove());

        /** Makes the archive of a version look as if it had been kept that long. */
        async function age(version: string, days: number): Promise<void> {
            await project.admin.query(
                "update simulation_db.archive set archived_at = now() - make_interval(days => $2) where version = $1",
                [version, days],
            );
        }

        async function partsLeft(): Promise<string[]> {
            const { rows } = await project.admin.query(
                `select version from simulation_db.archive where exists (
                     select from pg_tables where schemaname = 'simulation_db_archive' and tablename = archive
                 ) order by id`,
            );
            return rows.map(({ version }) => version);
        }

        it("list shows what is kept, in a table that fits a terminal", async () => {
            await age("0003", 400);
            const { stdout } = await project.must("archive list");
            const [head = "", first = "", second = "", ...more] = stdout.trimEnd().split("\n");
            assert.match(head, /^MIGRATION +SOURCE +KIND +ROWS +SIZE +AGE +RESTORED$/);
            assert.match(first, /^0003 +…\S*_may_be_lo\w* +table +1 +[\d.]+ kB +400 d +no$/);
            assert.match(second, /^0002 +public\.people +columns +1,234 +\d[\d.]* kB +0 d +no$/);
            assert.deepEqual(more, []);
            for (const line of [head, first, second]) assert.ok(line.length <= 80, `${line.length}: ${line}`);
        });

        it("what a migration left that got another number is tried with the other's, stays, and is found by list", async () => {
            const { client } = project;
            await project.write({
                "0001_people": { up: "create table public.people (id int primary key);" },
                "0002_theirs": { up: "create table public.theirs (id int);" },
                "0003_names": {
                    up: "alter table public.people add column name text;",
                    down: "alter table public.people drop column name;",
                    verify: "select name from public.people;",
                },
            });
            const { output } = await project.must("migrate up");
            assert.match(
                output,
                /0002_theirs: 0 of 1234 archived rows are back in public\.people; 1234 could not \(column t\.name does not exist\)/,
            );
            assert.doesNotMatch((await project.must("migrate up")).output, /archived rows/);
            const parts = JSON.parse((await project.must("archive list --json")).stdout) as {
                version: string;
                archive: string;
            }[];
            const kept = parts.find(({ version }) => version === "0002")?.archive;
            await client.query(
                `update public.people as t set name = a.name from simulation_db_archive.${kept} as a where a.id = t.id`,
            );
            const { rows } = await client.query(
                "select count(*)::int as count from public.people where name = 'name ' || id",
            );
            assert.deepEqual(rows, [{ count: 1234 }]);
        });

        it("list has JSON for programs", async () => {
            await age("0003", 7);
            const [first, second] = JSON.parse((await project.must("archive list --json")).stdout);
            assert.equal(first.source, `public.${longName}`);
            assert.equal(first.ageDays, 7);
            const { version, source, kind, rows, ageDays, restoredAt } = second;
            assert.deepEqual(
                { version, source, kind, rows, ageDays, restoredAt },
                { version: "0002", source: "public.people", kind: "columns", rows: 1234, ageDays: 0, restoredAt: null },
            );
            assert.ok(second.bytes > 50_000 && second.archive.startsWith("v0002_"), JSON.stringify(second));
        });

        it("list says of rows that could not be put back that they are what is left, as docs/troubleshooting.md has it", async () => {
            await project.client.query("delete from public.people where id > 1200");
            const { stderr } = await project.must("migrate up");
            const { stdout } = await project.must("archive list");
            assert.match(stdout, /^0002 +public\.people +columns +34 +.* in part$/m);
            const page = await readPage("docs/troubleshooting.md");
            const [warning = ""] = stderr.split("\n");
            assert.ok(fences(page, "text").includes(`${warning}\n`), warning);
            const shown = shownCommands(page).find(({ command }) => command.endsWith("archive list"));
            assertPrinted(shown?.lines ?? [], stdout);
        });

        it("list is empty where there is no ledger, and makes none", async () => {
            const fresh = await sqlProject(cluster);
            try {
                assert.equal((await fresh.must("archive list")).stdout, "the archive is empty\n");
                assert.equal((await fresh.must("archive list --json")).stdout, "[]\n");
                const { rowCount } = await fresh.admin.query(
                    "select from pg_namespace where nspname = 'simulation_db'",
                );
                assert.equal(rowCount, 0);
            } finally {
                await fresh.remove();
            }
        });

        it("purge deletes what is old enough and nothing else, and the history says so", async () => {
            await age("0002", 91);
            const { stdout } = await project.must("archive purge --older-than 90d --yes");
            assert.match(
                stdout,
                /^deleted: 1234 rows of public\.people, from the rollback of 0002\n1 of 1 parts deleted\n$/,
            );
            assert.deepEqual(await partsLeft(), ["0003"]);
            const { rows } = await project.admin.query(
                "select version, stack, by_role, detail from simulation_db.history where action = 'purge'",
            );
            assert.equal(rows.length, 1);
            assert.equal(rows[0].version, "0002");
            assert.equal(rows[0].by_role, "postgres");
            assert.match(
                rows[0].detail,
                /^1234 archived rows of public\.people, kept since \d{4}-.*Z: purge --older-than 90d$/,
            );
            assert.equal(
                (await project.must("archive purge --older-than 90d --yes")).stdout,
                "nothing in the archive is older than 90d\n",
            );
        });

        it("the next up goes on without the rows that were purged", async () => {
            await project.must("archive purge --older-than 0d --yes");
            assert.deepEqual(await partsLeft(), []);
            await project.must("migrate up");
            const { rows } = await project.client.query("select count(name)::int as names from public.people");
            assert.equal(rows[0].names, 0);
        });

        it("purge without --yes deletes nothing where nobody can be asked, and shows what it would", async () => {
            const { code, stderr, stdout } = await project.run("archive purge --older-than 0d");
            assert.equal(code, 1);
            assert.match(stderr, /^0002 +public\.people +columns +1,234 /m);
            assert.match(stderr, /^nobody can be asked here, so nothing was deleted\.\n  → add --yes/m);
            assert.equal(stdout, "");
            assert.deepEqual(await partsLeft(), ["0003", "0002"]);
        });

        it("purge gives way to a dump that reads what it deletes", async () => {
            const [part] = await listArchive(project.admin);
            const dump = await project.connect();
            await dump.query(`begin; lock table simulation_db_archive.${part?.archive} in access share mode`);
            const run = project.start("archive purge --older-than 0d --yes");
            await until("it has given way", async () => /attempt 1 gave way/.test(run.printed()));
            await dump.query("commit");
            assert.equal((await run.outcome).code, 0);
            assert.deepEqual(await partsLeft(), []);
        });

        it("purge waits for another run, and gives up with its name", async () => {
            const other = await project.connect();
            await other.query("select pg_advisory_lock(5361264290217416)");
            const { code, stderr } = await project.run("archive purge --older-than 0d --yes", {
                env: { SIMULATION_DB_WAIT_FOR_RUN_MS: "300" },
            });
            assert.equal(code, 1);
            assert.match(stderr, /^another run holds this database/);
            assert.deepEqual(await partsLeft(), ["0003", "0002"]);
        });

        it("an age that is none is refused with an example", async () => {
            for (const text of ["90", "d", "-1d", "3months"]) {
                const { code, stderr } = await project.run(`archive purge --older-than=${text} --yes`);
                assert.equal(code, 1);
                assert.ok(
                    stderr.startsWith(`--older-than is "${text}": write days, for example 90d (0d is everything).`),
                    stderr,
                );
            }
            const { code, stderr } = await project.run("archive purge --yes");
            assert.equal(code, 1);
            assert.match(stderr, /required option '--older-than <days>' not specified/);
        });
    });
}
