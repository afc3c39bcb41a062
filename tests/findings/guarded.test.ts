import assert from "node:assert/strict";
import { heldLocks } from "../../preview/findings/locks.ts";
import type { Scene } from "../../preview/findings/scene.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { ground } from "./ground.ts";
import { type TrialGround, trialGround } from "./trialGround.ts";

describe("what a preview says of a rollback that gives not null back", function () {
    this.timeout(120_000);
    let cluster: TestCluster;
    let target: TrialGround;
    let scene: Scene;
    before(async () => {
        cluster = await testCluster({ major: 17 });
        target = await trialGround(cluster, ground);
        ({ scene } = await target.tell("alter table public.runs alter column size set not null"));
    });
    after(async () => {
        await target?.remove();
        await cluster?.stop();
    });

    /** What keeps others waiting where the table has so many bytes, and its down takes out rows like these. */
    function waitedFor(heapBytes: number, where: string): string[] {
        const size = scene.look.tables.get("public.runs");
        assert.ok(size);
        const tables = new Map(scene.look.tables).set("public.runs", { ...size, heapBytes });
        const archives = [{ table: "public.runs", columns: "all" as const, where }];
        const locks = heldLocks({
            ...scene,
            look: { ...scene.look, tables },
            trial: { ...scene.trial, part: "down", archives },
        });
        return locks.flatMap(({ work }) => work.map(({ table, words }) => `${table} is ${words}`));
    }

    it("a large table whose rows without a value are archived is not read under a lock", () => {
        assert.deepEqual(waitedFor(1e9, "size is null"), []);
        const found = "(current_setting('simulation_db.found')::jsonb -> 'required')::boolean";
        assert.deepEqual(waitedFor(1e9, `size is null and ${found}`), []);
    });

    it("a small one is, and one where other rows leave", () => {
        assert.deepEqual(waitedFor(1e6, "size is null"), ["public.runs is read"]);
        assert.deepEqual(waitedFor(1e9, "price is null"), ["public.runs is read"]);
        assert.deepEqual(waitedFor(1e9, "size is null and lower(title) = 'x'"), ["public.runs is read"]);
    });
});
