import assert from "node:assert/strict";
import type { PostgresMajor } from "../../local/cluster.ts";
import { down, up } from "./legs.ts";
import { Sweep } from "./sweep.ts";

/**
 * PostgreSQL is killed under the runner: its process for the runner's connection, or all of it at once. Its files are
 * what the system has then; that they would outlive a crash of the machine as well is a matter of its disks, and no test
 * can tell. `fsync` and the like are on nevertheless, as in production.
 */
export function serverSweep(major: PostgresMajor, first: number): void {
    describe(`PostgreSQL killed at every step of a run (PostgreSQL ${major})`, function () {
        this.timeout(300_000);
        let sweep: Sweep;
        before(async () => {
            sweep = await Sweep.open(major, { fsync: "on", full_page_writes: "on", synchronous_commit: "on" });
        });
        after(() => sweep?.close());

        it("in a transaction: the runner ends by itself, and the same command again ends right", async () => {
            const strike = { fault: "kill its backend", side: "work", from: first, every: 9 } as const;
            await sweep.thereAndBack(up("0001"), down("0001"), strike);
        });

        it("without a transaction: the runner ends by itself, and the same command again ends right", async () => {
            await sweep.go(up("0001"));
            const strike = { fault: "kill its backend", side: "answer", from: first + 5, every: 9 } as const;
            await sweep.thereAndBack(up("0002"), down("0002"), strike);
            await sweep.go(down("0001"));
        });

        it("all of the server at once: it recovers, and the same command again ends right", async () => {
            await sweep.go(up("0001"));
            const strike = { fault: "kill the server", side: "work", from: first + 16, every: 9 } as const;
            await sweep.thereAndBack(up("0002"), down("0002"), strike);
            await sweep.go(down("0001"));
        });

        it("counts", function () {
            assert.equal(sweep.recovered, sweep.kills);
            assert.ok(sweep.kills >= 15, `${sweep.kills} kills`);
            if (this.test) this.test.title = sweep.summary();
        });
    });
}
