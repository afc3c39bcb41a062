import assert from "node:assert/strict";
import { readHistory } from "../support/history.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { migrationStep } from "../../toolchain/stepUrn.ts";
import { assertRefused } from "./refused.ts";
import { smallPlan } from "./smallPlan.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";

describe("a step that somebody has the engine replace", function () {
    this.timeout(240_000);
    let target: StackTarget;
    let project: StackProject;
    let applied: Snapshot;

    before(async () => {
        target = await stackTarget({ major: 15 });
        project = await stackProject({ environment: target.environment, sql: smallPlan });
        await project.newStack("dev", { databaseHost: "embedded", storageUrl: "embedded", backup: "off" });
        await project.must("up", "--yes", "--skip-preview");
        await target.admin.query("insert into public.notes (text) values ('kept')");
        applied = await takeSnapshot(target.admin);
    });
    after(async () => {
        await project?.remove();
        await target?.stop();
    });

    /** All is there, rows included, and the state says so too. */
    const isWhole = async () => {
        assert.deepEqual(await takeSnapshot(target.admin), applied);
        const { rows } = await target.admin.query("select text from public.notes");
        assert.deepEqual(rows, [{ text: "kept" }]);
        await project.must("preview", "--expect-no-changes");
    };
    const history = () => readHistory(target.admin);
    const ups = ["up 0001", "up 0002", "up 0003"];

    it("is rolled back and applied again where it is the newest migration, with its rows", async () => {
        await project.must("up", "--yes", "--skip-preview", "--replace", "**::schema-0003");
        assert.deepEqual(await history(), [...ups, "down 0003", "up 0003"]);
        await isWhole();
    });

    it("so it is where the state has it tainted", async () => {
        await project.must("state", "taint", migrationStep("dev", "0003"), "--yes");
        await project.must("up", "--yes", "--skip-preview");
        assert.deepEqual(await history(), [...ups, "down 0003", "up 0003", "down 0003", "up 0003"]);
        await isWhole();
    });

    it("is refused where it is an older one, and the next run has nothing to do", async () => {
        const before = await history();
        assertRefused(
            await project.up("--replace", "**::schema-0002"),
            "0002_datasets cannot be rolled back: newer ones are applied (0003_notes)",
        );
        assert.deepEqual(await history(), before);
        await isWhole();
        const step = migrationStep("dev", "0002");
        await project.must("state", "taint", step, "--yes");
        assertRefused(await project.up(), "0002_datasets cannot be rolled back");
        assertRefused(await project.up(), "0002_datasets cannot be rolled back");
        await project.must("state", "untaint", step, "--yes");
        await isWhole();
    });

    it("is refused where it gives the database free, and the next run has nothing to do", async () => {
        assertRefused(
            await project.up("--replace", "**::ledger-hold"),
            "migrations are still applied (0001, 0002, 0003)",
        );
        await isWhole();
    });

    it("is made again where it is the bucket", async () => {
        await project.must("up", "--yes", "--skip-preview", "--replace", "**::datasets-bucket");
        const { rows } = await target.admin.query("select id, public from storage.buckets");
        assert.deepEqual(rows, [{ id: "datasets", public: false }]);
        await project.must("preview", "--expect-no-changes");
    });
});
