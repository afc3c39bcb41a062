import assert from "node:assert/strict";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type Case, harmless, telling } from "./corpus.ts";
import { ground } from "./ground.ts";
import { type TrialGround, trialGround } from "./trialGround.ts";

for (const major of [15, 17] as const) {
    describe(`the findings of a migration (PostgreSQL ${major})`, function () {
        this.timeout(120_000);
        let cluster: TestCluster;
        let target: TrialGround;
        before(async () => {
            cluster = await testCluster({ major });
            target = await trialGround(cluster, ground);
        });
        after(async () => {
            await target?.remove();
            await cluster?.stop();
        });

        async function prove([sql, expected]: Case): Promise<void> {
            const { findings, scene } = await target.tell(sql);
            const told = findings.map(({ code, object }) => `${code} ${object}`);
            assert.deepEqual(told.sort(), [...expected].sort(), findings.map(({ words }) => words).join("\n"));
            if (scene.trial.failure) return;
            // What rows of the target make PostgreSQL refuse, it refuses.
            if (findings.some(({ code, stops }) => code === "rows-violate" && stops)) {
                return await assert.rejects(target.really(sql), /violat|null values|could not create unique index/);
            }
            // What the shadow predicts is what the target becomes.
            const isCopied = (key: string) => target.look.catalog.get(key) === scene.trial.before.get(key);
            const predicted = difference(scene.trial.before, scene.trial.after, isCopied);
            assert.deepEqual(predicted, difference(target.look.catalog, await target.really(sql), isCopied));
        }

        for (const example of telling) it(`${example[1].join(", ") || "none"}: ${example[0]}`, () => prove(example));
        for (const example of harmless) it(`${example[1].join(", ") || "none"}: ${example[0]}`, () => prove(example));
    });
}

/** One line per key that is not the same in both. What the copy is known not to have, its notes say. */
function difference(one: Catalog, other: Catalog, counts: (key: string) => boolean): string[] {
    return [...new Set([...one.keys(), ...other.keys()])]
        .filter(key => counts(key) && one.get(key) !== other.get(key))
        .map(key => `${key}: ${one.get(key)} → ${other.get(key)}`)
        .sort()
        .slice(0, 40);
}
