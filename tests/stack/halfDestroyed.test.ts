import assert from "node:assert/strict";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { assertRefused } from "./refused.ts";
import { migrationFiles, smallPlan } from "./smallPlan.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";

describe("a stack with drift: stop, whose destroy failed half way", function () {
    this.timeout(180_000);
    let target: StackTarget;
    let project: StackProject;
    let applied: Snapshot;

    before(async () => {
        target = await stackTarget({ major: 15 });
        // Only rows bring the error about, so no preview sees it.
        const stuck = migrationFiles("0004_more", {
            up: "create table public.more ();\nalter table public.more enable row level security;\n",
            down: "select text::integer from public.notes;\ndrop table public.more;\n",
            verify: "select from public.more;\n",
        });
        project = await stackProject({ environment: target.environment, sql: { ...smallPlan, ...stuck } });
        const config = { databaseHost: "embedded", storageUrl: "embedded", backup: "off", drift: "stop" };
        await project.newStack("dev", config);
        await project.must("up", "--yes", "--skip-preview");
        await target.admin.query("insert into public.notes (text) values ('no number')");
        applied = await takeSnapshot(target.admin);
        assertRefused(await project.destroy(), "invalid input syntax for type integer");
    });
    after(async () => {
        await project?.remove();
        await target?.stop();
    });

    const buckets = async () => (await target.admin.query("select id from storage.buckets")).rows;

    it("goes forward again with an up: that the bucket is gone is nobody's drift", async () => {
        assert.deepEqual(await buckets(), []);
        await project.clearInterrupted("up");
        await project.must("up", "--yes", "--skip-preview");
        assert.deepEqual(await buckets(), [{ id: "datasets" }]);
        const { catalog, database } = await takeSnapshot(target.admin);
        assert.deepEqual({ catalog, database }, { catalog: applied.catalog, database: applied.database });
        await project.must("preview", "--expect-no-changes");
    });

    it("where a person deletes the bucket it is drift", async () => {
        await target.admin.query("set storage.allow_delete_query = 'true'; delete from storage.buckets");
        assertRefused(await project.preview(), "STOP drift", "the bucket is missing");
    });
});
