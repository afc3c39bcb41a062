import assert from "node:assert/strict";
import { atGate, closeGate, gatedMigration, openGate } from "../stack/gate.ts";
import { smallPlan } from "../stack/smallPlan.ts";
import { takeSnapshot } from "../stack/snapshot.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { until } from "../support/until.ts";

const config = { databaseHost: "embedded", storageUrl: "embedded", backup: "off" };

describe("updates side by side, with the real engine", function () {
    this.timeout(400_000);
    let target: StackTarget;
    const projects: StackProject[] = [];

    beforeEach(async () => {
        target = await stackTarget({ major: 17 });
    });
    afterEach(async () => {
        for (const project of projects.splice(0)) await project.remove();
        await target?.stop();
    });

    async function newProject(sql = smallPlan): Promise<StackProject> {
        const project = await stackProject({ environment: target.environment, sql });
        projects.push(project);
        return project;
    }

    it("two of one stack: the second is refused while the first is under way, and nothing is done twice", async () => {
        const project = await newProject({ ...smallPlan, ...gatedMigration("0004", "gated") });
        await project.newStack("dev", config);
        await closeGate(target.admin);
        const first = project.up();
        await until("the first is under way", async () => (await target.admin.query(atGate)).rowCount === 1, 120_000);
        assert.deepEqual(await project.clearInterrupted("up"), [], "the lock of a living engine was taken away");
        const second = await project.up();
        assert.notEqual(second.code, 0, second.output);
        assert.match(second.output, /the stack is currently locked by 1 lock/);
        await openGate(target.admin);
        const { code, output } = await first;
        assert.equal(code, 0, output);
        assert.deepEqual(await history(), ["up 0001", "up 0002", "up 0003", "up 0004"]);
        await project.must("preview", "--expect-no-changes");
    });

    it("two stacks on one database: one has all of it, the other is refused, and its destroy takes nothing away", async () => {
        // Two projects, since each has a state of its own: as two people who do not know of each other.
        const [one, two] = [await newProject(), await newProject()];
        await one.newStack("one", config);
        await two.newStack("two", config);
        const outcomes = await Promise.all([one.up(), two.up()]);
        const codes = outcomes.map(({ code }) => code === 0);
        assert.deepEqual(codes.toSorted(), [false, true], outcomes.map(({ output }) => output).join("\n\n"));
        const [winner, loser] = codes[0] ? [one, two] : [two, one];
        const refused = outcomes.find(({ code }) => code !== 0);
        assert.match(refused?.output ?? "", /the stack simulation-db\/(one|two) manages this database already/);
        assert.deepEqual(await history(), ["up 0001", "up 0002", "up 0003"]);

        const applied = await takeSnapshot(target.admin);
        await loser.must("destroy", "--yes", "--skip-preview");
        assert.deepEqual(await takeSnapshot(target.admin), applied);
        await winner.must("preview", "--expect-no-changes");
    });

    async function history(): Promise<string[]> {
        const { rows } = await target.admin.query(
            "select concat_ws(' ', action, version) as entry from simulation_db.history order by id",
        );
        return rows.map(({ entry }) => entry);
    }
});
