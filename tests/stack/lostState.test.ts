import assert from "node:assert/strict";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { smallPlan } from "./smallPlan.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";

const config = { databaseHost: "embedded", storageUrl: "embedded", backup: "off" };

for (const major of [15, 17] as const) {
    describe(`a stack whose state was lost (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let target: StackTarget;
        let project: StackProject;
        let untouched: Snapshot;
        let applied: Snapshot;

        before(async () => {
            target = await stackTarget({ major });
            untouched = await takeSnapshot(target.admin);
            project = await stackProject({ environment: target.environment, sql: smallPlan });
            await project.newStack("dev", config);
            await project.must("up", "--yes", "--skip-preview");
            applied = await takeSnapshot(target.admin);
            await project.must("stack", "rm", "--force", "--preserve-config", "--yes");
            await project.must("stack", "init");
        });
        after(async () => {
            await project?.remove();
            await target?.stop();
        });

        it("takes everything over with the next up, without a change in the database", async () => {
            const outcome = await project.must("up", "--yes", "--skip-preview");
            assert.match(outcome.output, /roles-dataset_service .*import/);
            assert.deepEqual(await takeSnapshot(target.admin), applied);
            await project.must("preview", "--expect-no-changes");
        });

        it("and can be destroyed as if nothing had happened", async () => {
            await project.must("destroy", "--yes", "--skip-preview");
            assert.deepEqual(await takeSnapshot(target.admin), untouched);
        });
    });
}
