import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readOwnMigrations, sqlFolder } from "../sql/own.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject, type Trio } from "../support/sqlProject.ts";
import { faultyNetwork } from "./faultyNetwork.ts";

/** Words that only these texts have, to be looked for in the server's log. */
const marked: Trio = {
    up: "create table public.second (id bigint primary key); -- marked up\ninsert into public.second values (1);",
    down: "drop table public.second; -- marked down",
    verify: "select from public.second; -- marked verify",
};

for (const major of [15, 17] as const) {
    describe(`twice is once (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major, settings: { log_line_prefix: "%d ", log_statement: "all" } });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster, { "0001_first": {}, "0002_second": marked });
            await project.must("migrate up");
        });
        afterEach(() => project?.remove());

        /** How often each of the marked texts reached the server in this database. */
        async function sent(): Promise<Record<"up" | "down" | "verify", number>> {
            const log = await cluster.log();
            // The prefix stands on the first line of what is logged; the marks are on the first line of the files.
            const count = (part: string) =>
                log
                    .split("\n")
                    .filter(
                        line =>
                            line.startsWith(`${project.database} LOG:  statement:`) && line.includes(`marked ${part}`),
                    ).length;
            return { up: count("up"), down: count("down"), verify: count("verify") };
        }

        it("what is applied is not run again, neither from the folder nor from the stack", async () => {
            assert.deepEqual(await sent(), { up: 1, down: 0, verify: 1 });
            const { stdout } = await project.must("migrate up");
            assert.match(stdout, /^0 applied, 0 left pending$/m);
            const adopted = await project.must("migrate up --stdin", { stdin: project.stdin("0002") });
            assert.match(adopted.stdout, /^0002_second adopted in \d+ ms on \d+\/project_\w+\n$/);
            assert.deepEqual(await sent(), { up: 1, down: 0, verify: 1 });
            assert.deepEqual(await project.history(), ["up 0001", "up 0002"]);
        });

        it("a run that never heard of its commit says so, and the next one adopts what was done", async () => {
            await project.write({ "0001_first": {}, "0002_second": marked, "0003_third": {} });
            const network = await faultyNetwork(cluster);
            try {
                network.cutAt("create table public.third", "COMMIT\0");
                const { code, stderr } = await project.run("migrate up --stdin", {
                    stdin: project.stdin("0003"),
                    env: { PGPORT: String(network.port) },
                });
                assert.ok(network.wasCut());
                assert.equal(code, 1);
                assert.match(stderr, /the connection broke while committing/);
                assert.match(stderr, /run the same command again: the ledger knows/);
            } finally {
                await network.close();
            }
            assert.deepEqual(await project.applied(), ["0001", "0002", "0003"]);
            const { stdout } = await project.must("migrate up --stdin", { stdin: project.stdin("0003") });
            assert.match(stdout, /^0003_third adopted /);
            await project.must("migrate down");
            assert.deepEqual(await project.applied(), ["0001", "0002"]);
            assert.equal(
                (await project.client.query("select to_regclass('public.third') as third")).rows[0].third,
                null,
            );
        });

        it("a rollback that never heard of its commit heals in the same way", async () => {
            const network = await faultyNetwork(cluster);
            const stdin = project.stdin("0002");
            try {
                network.cutAt("drop table public.second", "COMMIT\0");
                const { code } = await project.run("migrate down --stdin", {
                    stdin,
                    env: { PGPORT: String(network.port) },
                });
                assert.ok(network.wasCut());
                assert.equal(code, 1);
            } finally {
                await network.close();
            }
            assert.deepEqual(await project.applied(), ["0001"]);
            const { stdout } = await project.must("migrate down --stdin", { stdin });
            assert.match(stdout, /nothing to undo/);
            assert.deepEqual(await project.history(), ["up 0001", "up 0002", "down 0002"]);
        });

        it("a rollback of what is not applied does nothing, and says so", async () => {
            const stdin = project.stdin("0002");
            await project.must("migrate down --stdin", { stdin });
            assert.deepEqual(await project.applied(), ["0001"]);
            const { down } = await sent();
            const { stdout } = await project.must("migrate down --stdin", { stdin });
            assert.match(stdout, /^0002_second nothing to undo in \d+ ms on /);
            assert.equal((await sent()).down, down);
            assert.deepEqual(await project.history(), ["up 0001", "up 0002", "down 0002"]);
        });

        it("up, down and up again, of a migration that fills its own table", async () => {
            await project.must("migrate down");
            await project.must("migrate up");
            assert.deepEqual((await project.client.query("select * from public.second")).rows, [{ id: "1" }]);
        });

        // What follows does not depend on the version of the server.
        if (major === 17) return;

        it("all can be undone, newest first, and down with nothing applied is no error", async () => {
            await project.must("migrate down --to 0000");
            assert.deepEqual(await project.applied(), []);
            await project.must("migrate down");
            assert.deepEqual(await project.history(), ["up 0001", "up 0002", "down 0002", "down 0001"]);
        });

        it("the rollback works from what the stack carries, without a folder, and from what the ledger keeps", async () => {
            const stdin = project.stdin("0002");
            await project.write({});
            await project.must("migrate down --stdin", { stdin });
            await project.must("migrate down");
            assert.deepEqual(await project.applied(), []);
        });

        it("one that is declared irreversible and has no down is not rolled back, and the reason is told", async () => {
            const other = await sqlProject(cluster, {
                "0001_gone": {
                    up: "-- irreversible: gone is gone\nselect 1;",
                    down: "-- nothing\n",
                    verify: "select 1;",
                },
            });
            try {
                await other.must("migrate up");
                const { code, stderr } = await other.run("migrate down --to 0000");
                assert.equal(code, 1);
                assert.match(stderr, /0001_gone cannot be rolled back: gone is gone\n {2}→ restore a backup/);
                assert.deepEqual(await other.applied(), ["0001"]);
            } finally {
                await other.remove();
            }
        });

        it("an older one cannot be rolled back under a newer one, nor a newer one applied before an older one", async () => {
            const under = await project.run("migrate down --stdin", { stdin: project.stdin("0001") });
            assert.equal(under.code, 1);
            assert.match(under.stderr, /0001_first cannot be rolled back: newer ones are applied \(0002_second\)/);
            await project.must("migrate down --to 0000");
            const before = await project.run("migrate up --stdin", { stdin: project.stdin("0002") });
            assert.equal(before.code, 1);
            assert.match(before.stderr, /0002_second cannot be applied: .* 0001 comes next/);
        });

        it("up and down stop where they are told to", async () => {
            await project.write({ "0001_first": {}, "0002_second": marked, "0003_third": {}, "0004_fourth": {} });
            await project.must("migrate up --to 0003");
            assert.deepEqual(await project.applied(), ["0001", "0002", "0003"]);
            await project.must("migrate down --to 0001");
            assert.deepEqual(await project.applied(), ["0001"]);
        });

        for (const version of ["3", "abc", "00003"]) {
            it(`a version that is none (${version}) is refused, and nothing is done`, async () => {
                await project.write({ "0001_first": {}, "0002_second": marked, "0003_third": {} });
                for (const command of ["up", "down"]) {
                    const { code, stderr } = await project.run(`migrate ${command} --to ${version}`);
                    assert.equal(code, 1, command);
                    assert.match(stderr, /--to/);
                    assert.deepEqual(await project.applied(), ["0001", "0002"], command);
                }
            });
        }

        it("one line on stdout per step, all else on stderr", async () => {
            const { stdout } = await project.must("migrate up --stdin", { stdin: project.stdin("0001") });
            assert.equal(stdout.split("\n").length, 2);
            const broken = await project.run("migrate up --stdin", { stdin: "-- nothing of ours" });
            assert.equal(broken.code, 1);
            assert.equal(broken.stdout, "");
            assert.match(broken.stderr, /stdin does not hold a migration/);
        });
    });
}

describe("the state's text form of a migration", () => {
    it("reading it gives back what was written, whatever line ends the files have", async () => {
        // The folder of this project is the example.
        const { decode, encode } = await import("../../runner/migration/migration.ts");
        for (const migration of await readOwnMigrations()) {
            assert.deepEqual({ ...decode(encode(migration)), slug: migration.slug }, migration);
            const file = await readFile(join(sqlFolder, `${migration.version}_${migration.slug}`, "up.sql"), "utf8");
            assert.equal(migration.up, file.replaceAll("\r\n", "\n"));
        }
    });
});
