import assert from "node:assert/strict";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hashOf, parts } from "../../runner/migration/migration.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject, type Trio } from "../support/sqlProject.ts";

const three: Record<string, Trio> = { "0001_first": {}, "0002_second": {}, "0003_third": {} };

describe("edited migrations", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    before(async () => {
        cluster = await testCluster({ major: 15, settings: { log_line_prefix: "%d ", log_statement: "all" } });
    });
    after(() => cluster?.stop());
    beforeEach(async () => {
        project = await sqlProject(cluster, three);
        await project.must("migrate up");
    });
    afterEach(() => project?.remove());

    it("an edited up is refused, with version, both hashes and the ways out; none of it reaches the server", async () => {
        const old = await readFile(join(project.folder, "sql/0002_second/up.sql"), "utf8");
        const up = `${old}select 'edited afterwards';\n`;
        await project.write({ ...three, "0002_second": { up } });
        const stdin = project.stdin("0002");
        for (const command of [
            "migrate up",
            "migrate status",
            "migrate up --stdin",
            "migrate record --stdin",
            "migrate down --stdin",
        ]) {
            const { code, stderr } = await project.run(command, { stdin });
            assert.equal(code, 1, command);
            assert.match(stderr, /0002_second: up\.sql differs from what was applied on \d{4}-/, command);
            assert.ok(stderr.includes(hashOf(old).slice(0, 12)), command);
            assert.ok(stderr.includes(hashOf(up).slice(0, 12)), command);
            assert.match(stderr, /→ .*bring/, command);
            assert.match(stderr, /→ .*(new migration|roll it back)/, command);
        }
        const log = await cluster.log();
        assert.match(log, /create table public\.second/, "the server's log shows what migrations run");
        assert.doesNotMatch(log, /edited afterwards/);
        assert.deepEqual(await project.history(), ["up 0001", "up 0002", "up 0003"]);
        // The way back that is always open.
        await project.write(three);
        await project.must("migrate up");
    });

    for (const command of ["migrate record --stdin", "migrate up --stdin"]) {
        it(`edited down and verify are stored and not run (${command}); the next down is the new one`, async () => {
            const edited = {
                down: "drop table public.third; -- the new way",
                verify: "select from public.third; -- the new look",
            };
            await project.write({ ...three, "0003_third": edited });
            await project.must(command, { stdin: project.stdin("0003") });
            assert.deepEqual(await project.history(), ["up 0001", "up 0002", "up 0003", "record 0003"]);
            const { rows } = await project.admin.query(
                "select down_sql, verify_sql, down_hash, verify_hash from simulation_db.migration where version = '0003'",
            );
            assert.deepEqual(rows, [
                {
                    down_sql: edited.down,
                    verify_sql: edited.verify,
                    down_hash: hashOf(edited.down),
                    verify_hash: hashOf(edited.verify),
                },
            ]);
            await project.must(command, { stdin: project.stdin("0003") });
            assert.equal((await project.history()).length, 4, "the same text is recorded once");

            const ran = async (text: string) =>
                (await cluster.log())
                    .split("\n")
                    .filter(line => line.startsWith(`${project.database} LOG:  statement:`) && line.includes(text))
                    .length;
            assert.equal(await ran("the new"), 0);
            await project.must("migrate down");
            assert.equal(await ran("the new way"), 1);
            assert.deepEqual(await project.applied(), ["0001", "0002"]);
        });
    }

    it("from a shell, record stores what the sql folder has in another form: one of them, or all, and runs nothing", async () => {
        const edited = (slug: string) => ({ down: `drop table public.${slug}; -- the way that was mended` });
        await project.write({ ...three, "0001_first": edited("first"), "0003_third": edited("third") });
        const one = await project.must("migrate record 0003");
        assert.match(one.stdout, /^0003_third recorded in .*\n1 recorded\n$/);
        assert.match((await project.must("migrate record 0002")).stdout, /^0 recorded\n$/);
        const all = await project.must("migrate record");
        assert.match(all.stdout, /^0001_first recorded in .*\n1 recorded\n$/);
        assert.match((await project.must("migrate record")).stdout, /^0 recorded\n$/);
        assert.deepEqual((await project.history()).slice(3), ["record 0003", "record 0001"]);
        const { rows } = await project.admin.query("select down_sql from simulation_db.migration order by version");
        assert.deepEqual(
            rows.map(({ down_sql: text }) => text.includes("mended")),
            [true, false, true],
        );
        assert.deepEqual(await project.applied(), ["0001", "0002", "0003"]);
        await project.must("migrate down");
        const log = await cluster.log();
        assert.match(log, /statement: drop table public\.third; -- the way that was mended/);
        assert.doesNotMatch(log, /statement: drop table public\.first; -- the way that was mended/);
    });

    it("from a shell, record stores no text that cannot run, and none of a migration that is not applied", async () => {
        await project.write({ ...three, "0003_third": { down: "drop tabel public.third;" } });
        const broken = await project.run("migrate record");
        assert.equal(broken.code, 1);
        assert.match(broken.stderr, /0003_third\/down\.sql:1: syntax error/);
        await project.write({ ...three, "0004_fourth": {} });
        for (const version of ["0004", "0009"]) {
            const { code, stderr } = await project.run(`migrate record ${version}`);
            assert.equal(code, 1);
            assert.match(stderr, new RegExp(`the sql folder has no applied migration ${version}: there is nothing to`));
        }
        const both = await project.run("migrate record 0003 --stdin", { stdin: project.stdin("0003") });
        assert.equal(both.code, 1);
        assert.match(both.stderr, /takes a version of the sql folder or --stdin, and not both/);
        assert.equal((await project.history()).length, 3);
    });

    it("a changed text of a migration that is not applied is no edit: record says that it is not applied", async () => {
        await project.must("migrate down");
        const { code, stderr } = await project.run("migrate record --stdin", { stdin: project.stdin("0003") });
        assert.equal(code, 1);
        assert.match(stderr, /says that 0003_third is applied, but the ledger of this database does not/);
    });

    it("one that is removed from the middle is refused", async () => {
        await project.write({
            "0001_first": {},
            "0002_third": { up: "select 1;", down: "select 1;", verify: "select 1;" },
        });
        for (const command of ["migrate up", "status"]) {
            const { code, stderr } = await project.run(command);
            assert.equal(code, 1);
            assert.match(stderr, /0002_third: up\.sql differs .*as 0002_second: another branch may have applied it/);
        }
        await rename(join(project.folder, "sql/0002_third"), join(project.folder, "sql/0003_third"));
        const { code, stderr } = await project.run("migrate up");
        assert.equal(code, 1);
        assert.match(stderr, /version 0002 is missing/);
    });

    it("the newest that is removed is what status says to roll back, and up does nothing to it", async () => {
        await project.write({ "0001_first": {} });
        const { stdout } = await project.must("status");
        assert.match(stdout, /applied +0001_first/);
        assert.match(stdout, /to roll back +0002_second/);
        assert.match(stdout, /to roll back +0003_third/);
        await project.must("migrate up");
        assert.deepEqual(await project.applied(), ["0001", "0002", "0003"]);
        await project.must("migrate down --to 0001");
        assert.deepEqual(await project.applied(), ["0001"]);
    });

    it("a version that another branch applied is refused, with the other's name", async () => {
        await project.write({
            "0001_first": {},
            "0002_second": {},
            "0003_ours": {},
            "0004_more": {},
        });
        const { code, stderr } = await project.run("migrate up");
        assert.equal(code, 1);
        assert.match(stderr, /0003_ours: up\.sql differs .*, as 0003_third: another branch may have applied it/);
        assert.deepEqual(await project.applied(), ["0001", "0002", "0003"]);
    });

    it("a folder that is renamed is the same migration", async () => {
        await rename(join(project.folder, "sql/0002_second"), join(project.folder, "sql/0002_called_otherwise"));
        const { stdout } = await project.must("migrate up");
        assert.match(stdout, /0 applied, 0 left pending/);
        assert.match((await project.must("status")).stdout, /applied +0002_/);
        assert.deepEqual(await project.history(), ["up 0001", "up 0002", "up 0003"]);
    });

    it("files with the line ends of Windows, or with its byte order mark, are the same files", async () => {
        for (const name of await readdir(join(project.folder, "sql"))) {
            if (!name.startsWith("0")) continue;
            for (const part of parts) {
                const file = join(project.folder, "sql", name, `${part}.sql`);
                const text = await readFile(file, "utf8");
                await writeFile(file, `\uFEFF${text.replaceAll("\n", "\r\n")}`);
            }
        }
        const { stdout } = await project.must("migrate up");
        assert.match(stdout, /0 applied, 0 left pending/);
    });
});
