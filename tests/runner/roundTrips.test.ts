import assert from "node:assert/strict";
import { type Tripwire, tripwire } from "../crash/tripwire.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

// Over a network each costs its delay, and what a lock of the migration is held for is others' waiting time.
describe("how often a run asks the server and waits for its answer", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    let wire: Tripwire;
    before(async () => {
        cluster = await testCluster({ major: 17 });
        project = await sqlProject(cluster, { "0001_first": {}, "0002_second": {}, "0003_third": {} });
        const { PGHOST = "", PGPORT } = project.environment;
        wire = await tripwire({ host: PGHOST, port: Number(PGPORT) });
        await project.must("migrate up --to 0001");
    });
    after(async () => {
        await wire?.close();
        await project?.remove();
        await cluster?.stop();
    });

    /** How each trip begins. */
    async function tripsOf(command: string, stdin = ""): Promise<readonly string[]> {
        wire.arm(Infinity, "passing", () => {});
        await project.must(command, { stdin, env: { PGHOST: "127.0.0.1", PGPORT: String(wire.port) } });
        return wire.disarm().trips;
    }

    function atMost(trips: readonly string[], most: number): void {
        if (trips.length > most) assert.fail(`${trips.length} times:\n${trips.join("\n")}`);
    }

    it("a step that applies a migration: at most 12 times", async () => {
        atMost(await tripsOf("migrate up --stdin", project.stdin("0002")), 12);
    });

    it("each further migration of the same run: at most 7 times", async () => {
        await project.must("migrate down --to 0000");
        const one = await tripsOf("migrate up --to 0001");
        await project.must("migrate down --to 0000");
        const three = await tripsOf("migrate up");
        atMost(three.slice(one.length), 2 * 7);
    });

    it("a step that rolls one back: at most 20 times, 9 of them while writers wait", async () => {
        await project.client.query("insert into public.third values (1)");
        const trips = await tripsOf("migrate down --stdin", project.stdin("0003"));
        atMost(trips, 20);
        const locked = trips.findIndex(trip => trip.startsWith("lock table"));
        assert.notEqual(locked, -1);
        atMost(trips.slice(locked), 9);
    });

    it("a step with nothing to do: at most 7 times", async () => {
        atMost(await tripsOf("migrate up --stdin", project.stdin("0002")), 7);
    });
});
