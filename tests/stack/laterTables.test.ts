import assert from "node:assert/strict";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { smallPlan, tableMigration } from "./smallPlan.ts";

const plan = { ...smallPlan, ...tableMigration("0004", "fourth") };

describe("a table that a migration of a team's own makes", function () {
    this.timeout(240_000);
    let first: StackTarget;
    let later: StackTarget;
    let project: StackProject;

    before(async () => {
        [first, later] = await Promise.all([stackTarget({ major: 15 }), stackTarget({ major: 15 })]);
        const config = { databaseHost: "embedded", storageUrl: "embedded", backup: "off" };
        project = await stackProject({ environment: first.environment, sql: plan });
        await project.newStack("first", config);
        await project.must("up", "--yes", "--skip-preview");
        project.environment = later.environment;
        await project.useSql(smallPlan);
        await project.newStack("later", config);
        await project.must("up", "--yes", "--skip-preview");
        await project.useSql(plan);
        await project.must("up", "--yes", "--skip-preview");
    });
    after(async () => {
        await project?.remove();
        await Promise.all([first?.stop(), later?.stop()]);
    });

    const accessOf = async ({ admin }: StackTarget) => {
        const { rows } = await admin.query<{ line: string }>(
            "select relname || ' ' || relacl::text as line from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
        );
        return rows.map(({ line }) => line);
    };

    it("is born with the same privileges whether the first up makes it or a later one", async () => {
        const access = await accessOf(later);
        assert.match(access.find(line => line.startsWith("fourth ")) ?? "", /simulation_reader=r\//);
        assert.deepEqual(await accessOf(first), access);
    });

    it("goes again with its folder, and the rest with a destroy", async () => {
        await project.useSql(smallPlan);
        for (const [name, target] of [
            ["first", first],
            ["later", later],
        ] as const) {
            project.select(name);
            project.environment = target.environment;
            await project.must("up", "--yes", "--skip-preview");
            assert.ok(!(await accessOf(target)).some(line => line.startsWith("fourth ")));
            await project.must("destroy", "--yes", "--skip-preview");
            assert.deepEqual(await project.resources(), []);
        }
    });
});
