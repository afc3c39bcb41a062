import assert from "node:assert/strict";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { noPreconditions } from "../support/sqlFolder.ts";
import { type SqlProject, sqlProject, type Trio } from "../support/sqlProject.ts";

const five: Readonly<Record<string, Trio>> = {
    "0001_first": {},
    "0002_second": {},
    "0003_third": {},
    "0004_fourth": {},
    "0005_fifth": {},
};
const broken = { up: "create table public.third (id nonsense);" };

for (const major of [15, 17] as const) {
    describe(`a squash: several migrations that are one resource of the stack (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster, five);
        });
        afterEach(() => project?.remove());

        /** What the stack would pass on stdin. */
        const through = (last: number) =>
            Array.from({ length: last }, (_, index) => project.stdin(`000${index + 1}`)).join("\n");
        const claim = (squashed?: string) =>
            project.must("ledger claim", {
                stdin:
                    squashed === undefined ? noPreconditions : `-- squashed through: ${squashed}\n${noPreconditions}`,
            });
        const squashed = async () => {
            const { rows } = await project.admin.query("select squashed_through from simulation_db.claim");
            return rows[0].squashed_through as string | null;
        };
        const up = (last: number) => project.run("squash up --stdin", { stdin: through(last) });
        const down = (last: number) => project.run("squash down --stdin", { stdin: through(last) });

        it("applies what is not applied and adopts the rest", async () => {
            await claim("0003");
            await project.must("migrate up --to 0002");
            const { stdout, stderr } = await up(3);
            assert.match(stdout, /^0001 to 0003: 1 applied, 2 adopted on \d+\/project_\w+\n$/);
            assert.match(stderr, /^0003_third applied in \d+ ms$/m);
            assert.match((await up(3)).stdout, /^0001 to 0003: 0 applied, 3 adopted on /);
            assert.match((await project.must("status")).stdout, /^3 applied \(through 0003 squashed\), 2 pending, /m);
            assert.deepEqual(await project.history(), ["up 0001", "up 0002", "up 0003"]);
        });

        it("keeps what was applied when a later one fails, and goes on from there", async () => {
            await claim("0004");
            await project.write({ ...five, "0003_third": broken });
            const { code, stderr } = await up(4);
            assert.equal(code, 1);
            assert.match(stderr, /sql\/0003_third\/up\.sql:1/);
            assert.deepEqual(await project.applied(), ["0001", "0002"]);
            await project.write(five);
            assert.match((await up(4)).stdout, /^0001 to 0004: 2 applied, 2 adopted on /);
        });

        it("stores changed downs, runs nothing for them, and refuses a changed up", async () => {
            await claim("0003");
            await up(3);
            await project.write({ ...five, "0002_second": { down: "drop table public.second; -- better" } });
            assert.match((await up(3)).stdout, /0 applied, 3 adopted/);
            assert.deepEqual((await project.history()).at(-1), "record 0002");
            await project.write({ ...five, "0002_second": { up: "create table public.second (id text);" } });
            const { code, stderr } = await up(3);
            assert.equal(code, 1);
            assert.match(stderr, /0002_second: up\.sql differs from what was applied/);
        });

        it("rolls back newest first, and nothing while one that is not squashed is applied", async () => {
            await claim("0003");
            await project.must("migrate up --to 0004");
            const refused = await down(3);
            assert.equal(refused.code, 1);
            assert.match(refused.stderr, /0003_third cannot be rolled back: newer ones are applied \(0004_fourth\)/);
            await project.must("migrate down --stdin", { stdin: project.stdin("0004") });
            assert.match((await down(3)).stdout, /^0001 to 0003: 3 rolled back on /);
            assert.deepEqual((await project.history()).slice(-4), ["down 0004", "down 0003", "down 0002", "down 0001"]);
            assert.match((await down(3)).stdout, /^0001 to 0003: 0 rolled back on /);
        });

        it("goes on with a rollback that failed in the middle", async () => {
            await project.write({ ...five, "0002_second": { down: "drop table public.nobody;" } });
            await claim("0003");
            await up(3);
            const { code, stderr } = await down(3);
            assert.equal(code, 1);
            assert.match(stderr, /sql\/0002_second\/down\.sql:1/);
            assert.deepEqual(await project.applied(), ["0001", "0002"]);
            // The engine hands over what its state has; the mended text comes with an up.
            assert.equal((await down(3)).code, 1);
            await project.write(five);
            assert.match((await up(3)).stdout, /^0001 to 0003: 1 applied, 2 adopted on /);
            assert.match((await down(3)).stdout, /^0001 to 0003: 3 rolled back on /);
        });

        it("takes along what an interrupted run had applied before the state could know of it", async () => {
            await claim("0004");
            await up(4);
            assert.match((await down(2)).stdout, /^0001 to 0002: 4 rolled back on /);
            assert.deepEqual(await project.applied(), []);
        });

        it("leaves nothing to the resource that a migration had before", async () => {
            await project.must("migrate up");
            await claim("0003");
            for (const version of ["0001", "0003"]) {
                const { stdout } = await project.must("migrate down --stdin", { stdin: project.stdin(version) });
                assert.match(stdout, /^000[13]_(first|third) left to the squash in 0 ms on /);
            }
            await project.must("migrate down --stdin", { stdin: project.stdin("0005") });
            assert.deepEqual(await project.applied(), ["0001", "0002", "0003", "0004"]);
        });

        it("rolls nothing back once the stack has taken it apart, and only its own once it is shorter", async () => {
            await claim("0004");
            await up(4);
            await claim("none");
            assert.match((await down(4)).stdout, /^0001 to 0004: 0 rolled back on /);
            await claim("0002");
            await project.must("migrate down --stdin", { stdin: project.stdin("0004") });
            await project.must("migrate down --stdin", { stdin: project.stdin("0003") });
            assert.match((await down(4)).stdout, /^0001 to 0004: 2 rolled back on /);
        });

        it("is no affair of another stack", async () => {
            await claim("0003");
            await project.must("migrate up");
            const stdin = `-- squashed through: 0005\n${noPreconditions}`;
            const { code } = await project.run("ledger claim", { stdin, env: { SIMULATION_DB_STACK: "other/stack" } });
            assert.equal(code, 1);
            assert.equal(await squashed(), "0003");
        });

        it("stays as it is when somebody makes the claim from a shell", async () => {
            await claim("0003");
            await claim();
            assert.equal(await squashed(), "0003");
        });

        it("does not stand in the way of a rollback from a shell", async () => {
            await claim("0003");
            await up(3);
            await project.must("migrate down --to 0001");
            assert.deepEqual(await project.applied(), ["0001"]);
            await project.must("migrate up --to 0003");
            assert.match((await down(3)).stdout, /3 rolled back/);
        });
    });
}
