import assert from "node:assert/strict";
import { smallPlan } from "../stack/smallPlan.ts";
import { takeSnapshot } from "../stack/snapshot.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";

describe("a state that knows less than the database has", function () {
    this.timeout(400_000);
    let target: StackTarget;
    let project: StackProject;
    before(async () => {
        target = await stackTarget({ major: 15 });
        project = await stackProject({ environment: target.environment, sql: smallPlan });
        await project.newStack("dev", { databaseHost: "embedded", storageUrl: "embedded", backup: "off" });
    });
    after(async () => {
        await project?.remove();
        await target?.stop();
    });

    it("roles of somebody else with the names of ours are refused before anything is made", async () => {
        await target.admin.query("create role simulation_reader");
        const untouched = await takeSnapshot(target.admin);
        const { code, output } = await project.up();
        assert.notEqual(code, 0);
        assert.match(output, /there is a role simulation_reader already, and no stack manages this database/);
        assert.deepEqual(await takeSnapshot(target.admin), untouched);
        await target.admin.query("drop role simulation_reader");
    });

    it("without the applied migrations, a destroy takes no role away, and the next up and destroy end right", async () => {
        await project.must("up", "--yes", "--skip-preview");
        const applied = await takeSnapshot(target.admin);
        const first =
            "urn:pulumi:dev::simulation-db::simulation-db:database:MigrationChain$command:local:Command::schema-0001";
        await project.must("state", "delete", first, "--target-dependents", "--yes");
        const { code, output } = await project.destroy();
        assert.notEqual(code, 0);
        assert.match(output, /migrations are still applied \(0001, 0002, 0003\): this database cannot be given free/);
        assert.deepEqual(await takeSnapshot(target.admin), applied);

        await project.must("up", "--yes", "--skip-preview");
        assert.deepEqual(await takeSnapshot(target.admin), applied);
        await project.must("destroy", "--yes", "--skip-preview");
        const { rows } = await target.admin.query("select rolname from pg_roles where rolname = 'dataset_service'");
        assert.deepEqual(rows, []);
    });
});
