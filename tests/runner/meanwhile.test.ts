import assert from "node:assert/strict";
import { tripwire } from "../crash/tripwire.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

const index = {
    up: [
        "-- transaction: none",
        "create index concurrently items_kind on public.items (kind);",
        "create index concurrently items_size on public.items (size);",
    ].join("\n"),
    down: "drop index concurrently public.items_size;\ndrop index concurrently public.items_kind;",
    verify: "select 1;",
};

describe("what somebody else does while a migration is interrupted", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    before(async () => {
        cluster = await testCluster({ major: 17 });
    });
    after(() => cluster?.stop());
    beforeEach(async () => {
        project = await sqlProject(cluster);
        await project.client.query("create table public.items (id bigint primary key, kind text, size integer)");
    });
    afterEach(() => project?.remove());

    /** Kills an up as soon as the server has done such a statement. */
    async function killAfter(statement: RegExp): Promise<void> {
        const wire = await tripwire(cluster);
        try {
            const run = project.start("migrate up", { env: { PGPORT: String(wire.port) } });
            wire.arm(statement, "answer", () => run.child.kill("SIGKILL"));
            await run.outcome;
            assert.ok(wire.disarm().caught, run.printed());
        } finally {
            await wire.close();
        }
    }

    it("between two statements of its own: it is not taken for the migration's, and stays when that goes", async () => {
        await project.write({ "0001_indexes": index });
        await killAfter(/^create index concurrently items_kind/);
        await project.client.query(
            "create table public.theirs (id bigint); create index items_theirs on public.items (size, id)",
        );
        await project.must("migrate up");
        await project.must("migrate down");
        const { rows } = await project.client.query(
            "select to_regclass('public.theirs') is not null as stays, to_regclass('public.items_kind') as gone",
        );
        assert.deepEqual(rows, [{ stays: true, gone: null }]);
    });

    it("between its commit and the look at what it changed: down is refused with its name, and nothing of it is lost", async () => {
        await project.write({ "0001_first": {} });
        await killAfter(/^commit;/);
        await project.client.query("create table public.theirs (id bigint); insert into public.theirs values (1)");
        await project.must("migrate up");
        const { code, stderr } = await project.run("migrate down");
        assert.equal(code, 1);
        assert.match(stderr, /left behind: table public\.theirs/);
        const { rows } = await project.client.query("select id from public.theirs");
        assert.deepEqual(rows, [{ id: "1" }]);
        assert.deepEqual(await project.applied(), ["0001"]);
    });

    it("the next migration, as the stack applies it, comes after what the killed run owed: both roll back", async () => {
        await project.write({ "0001_first": {}, "0002_second": {} });
        await killAfter(/^commit;/);
        assert.deepEqual(await project.applied(), ["0001"]);
        await project.must("migrate up --stdin", { stdin: project.stdin("0002") });
        await project.must("migrate down");
        await project.must("migrate down");
        assert.deepEqual(await project.applied(), []);
    });

    for (const statement of [/^commit;/, /^update simulation_db\.migration set undo/, /overriding system value/]) {
        it(`so do rows that were to come back, when it was killed after ${statement.source}`, async () => {
            await project.write({ "0001_first": {}, "0002_second": {} });
            await project.must("migrate up --to 0001");
            await project.client.query("insert into public.first values (1), (2)");
            await project.must("migrate down");
            await killAfter(statement);
            assert.deepEqual(await project.applied(), ["0001"]);
            await project.must("migrate up --stdin", { stdin: project.stdin("0002") });
            const { rows } = await project.client.query("select id from public.first order by id");
            assert.deepEqual(rows, [{ id: "1" }, { id: "2" }]);
            await project.must("migrate down --to 0000");
            assert.deepEqual(await project.applied(), []);
        });
    }
});
