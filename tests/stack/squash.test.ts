import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readHistory } from "../support/history.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { smallPlan, tableMigration } from "./smallPlan.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";

const config = { databaseHost: "embedded", storageUrl: "embedded", backup: "off", drift: "stop" };

const plan = { ...smallPlan, ...tableMigration("0004", "fourth"), ...tableMigration("0005", "fifth") };

describe("a stack that squashes its oldest migrations into one resource", function () {
    this.timeout(240_000);
    let target: StackTarget;
    let project: StackProject;
    let untouched: Snapshot;

    before(async () => {
        target = await stackTarget({ major: 15 });
        untouched = await takeSnapshot(target.admin);
        project = await stackProject({ environment: target.environment, sql: plan });
        await project.newStack("dev", config);
        await project.must("up", "--yes", "--skip-preview");
    });
    after(async () => {
        await project?.remove();
        await target?.stop();
    });

    const steps = async () => (await project.resources()).filter(name => name.startsWith("schema-")).toSorted();
    const history = () => readHistory(target.admin);
    const applied = ["up 0001", "up 0002", "up 0003", "up 0004", "up 0005"];

    it("refuses a squash that leaves no migration, or names none", async () => {
        for (const squashThrough of ["0005", "0009"]) {
            await project.configure({ squashThrough });
            const { code, output } = await project.preview();
            assert.notEqual(code, 0);
            assert.match(output, new RegExp(`squashThrough is ${squashThrough}: it needs a version from 0001 to 0004`));
        }
    });

    it("stops before anything is done where the resources are or may be protected", async () => {
        await project.configure({ protect: "true", squashThrough: "" });
        await project.must("up", "--yes", "--skip-preview");
        await project.configure({ protect: "false", squashThrough: "0003" });
        const { code, output } = await project.up();
        assert.notEqual(code, 0);
        assert.match(output, /0001 to 0003 move into the squash[^\n]*, but the resources are or may be protected/);
        await project.configure({ squashThrough: "" });
        await project.must("up", "--yes", "--skip-preview");
        assert.deepEqual(await history(), applied);
    });

    it("moves them without a rollback, says so before, and then has nothing to do", async () => {
        await project.configure({ squashThrough: "0003" });
        const preview = await project.must("preview");
        assert.match(preview.output, /0001 to 0003 move into the squash[\s\S]*none of these migrations is rolled back/);
        const { output } = await project.must("up", "--yes", "--skip-preview");
        assert.match(output, /0003_notes left to the squash/);
        assert.deepEqual(await steps(), ["schema-0004", "schema-0005", "schema-squash"]);
        assert.deepEqual(await history(), applied);
        const again = await project.must("preview", "--expect-no-changes");
        assert.doesNotMatch(again.output, /the squash/);
    });

    it("does it again where the engine was killed before it wrote that down", async () => {
        const squashed = (await project.must("stack", "export")).stdout;
        await project.configure({ squashThrough: "0004" });
        await project.must("up", "--yes", "--skip-preview");
        const file = join(project.dir, "state.json");
        await writeFile(file, squashed);
        await project.must("stack", "import", "--file", file);
        await project.must("up", "--yes", "--skip-preview");
        assert.deepEqual(await steps(), ["schema-0005", "schema-squash"]);
        assert.deepEqual(await history(), applied);
    });

    it("does not roll back one of several: the preview stops, and says what to do first", async () => {
        await project.useSql(Object.fromEntries(Object.entries(plan).filter(([name]) => !/^000[45]/.test(name))));
        await project.configure({ squashThrough: "0002" });
        const { code, output } = await project.preview();
        assert.notEqual(code, 0);
        assert.match(
            output,
            /0004_fourth cannot be rolled back: one resource of the stack stands[\s\S]*bring the folder/,
        );
        await project.useSql(plan);
        assert.deepEqual(await history(), applied);
    });

    it("gives them back a resource each without running one", async () => {
        await project.configure({ squashThrough: "0002" });
        assert.match((await project.must("preview")).output, /0003 to 0004 move out of the squash/);
        await project.must("up", "--yes", "--skip-preview");
        assert.deepEqual(await steps(), ["schema-0003", "schema-0004", "schema-0005", "schema-squash"]);
        await project.configure({ squashThrough: "" });
        await project.must("up", "--yes", "--skip-preview");
        assert.deepEqual(await steps(), ["schema-0001", "schema-0002", "schema-0003", "schema-0004", "schema-0005"]);
        assert.deepEqual(await history(), applied);
        await project.must("preview", "--expect-no-changes");
    });

    it("rolls all back with a destroy, and applies all from nothing", async () => {
        await project.configure({ squashThrough: "0003" });
        await project.must("up", "--yes", "--skip-preview");
        await project.must("destroy", "--yes", "--skip-preview");
        assert.deepEqual(await takeSnapshot(target.admin), untouched);
        const { output } = await project.must("up", "--yes", "--skip-preview");
        assert.match(output, /0001 to 0003: 3 applied, 0 adopted/);
        await project.must("preview", "--expect-no-changes");
        await project.must("destroy", "--yes", "--skip-preview");
        assert.deepEqual(await takeSnapshot(target.admin), untouched);
    });
});
