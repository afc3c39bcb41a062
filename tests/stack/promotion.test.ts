import assert from "node:assert/strict";
import { join } from "node:path";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { migrationFiles, smallPlan } from "./smallPlan.ts";

const config = { databaseHost: "embedded", storageUrl: "embedded", backup: "off" };
const fourth = migrationFiles("0004_labels", {
    up: "-- Lets notes have a label.\nalter table public.notes add column label text;\n",
    down: "alter table public.notes drop column label;\n",
    verify: "select label from public.notes limit 0;\n",
});

describe("a stack that is promoted from another one", function () {
    this.timeout(240_000);
    let first: StackTarget;
    let second: StackTarget;
    let project: StackProject;

    before(async () => {
        [first, second] = await Promise.all([stackTarget({ major: 15 }), stackTarget({ major: 15 })]);
        project = await stackProject({ environment: first.environment, sql: smallPlan });
        await project.newStack("first", config);
        await project.must("up", "--yes", "--skip-preview");
        await project.newStack("second", { ...config, promotedFrom: "first" });
        project.environment = second.environment;
    });
    after(async () => {
        await project?.remove();
        await Promise.all([first?.stop(), second?.stop()]);
    });

    const applied = async (target: StackTarget) => {
        const { rows } = await target.admin.query<{ count: number }>(
            "select count(*)::int as count from pg_class where oid = to_regclass('public.notes')",
        );
        return rows[0]?.count === 1;
    };
    const record = async () => {
        const environment = { ...first.environment, SIMULATION_DB_STACK: "simulation-db/first" };
        const { code, output } = await project.runner("promotion make", environment);
        assert.equal(code, 0, output);
    };

    it("shows in a preview what has not run there yet, and stops up before anything is changed", async () => {
        const preview = await project.preview();
        assert.equal(preview.code, 0, preview.output);
        assert.match(preview.output, /there is no record of simulation-db\/first/);
        const up = await project.up();
        assert.notEqual(up.code, 0);
        assert.match(up.output, /\.local\/promotion\/first\.json is missing/);
        assert.match(up.output, /→ or say why it cannot wait: SIMULATION_DB_UNPROMOTED_REASON/);
        assert.equal(await applied(second), false);
    });

    it("applies what has run there", async () => {
        await record();
        await project.must("up", "--yes", "--skip-preview");
        assert.ok(await applied(second));
    });

    it("refuses what is newer than the record, and goes on with a reason, which the ledger keeps", async () => {
        await project.write(
            Object.fromEntries(Object.entries(fourth).map(([name, text]) => [join("sql", name), text])),
        );
        const refused = await project.up();
        assert.notEqual(refused.code, 0);
        assert.match(refused.output, /0004_labels: was not applied in first/);
        project.environment = { ...second.environment, SIMULATION_DB_UNPROMOTED_REASON: "the shop is down" };
        const forced = await project.must("up", "--yes", "--skip-preview");
        assert.match(forced.output, /goes on all the same: the shop is down/);
        const { rows } = await second.admin.query(
            "select action, version, detail from simulation_db.history where detail is not null",
        );
        assert.deepEqual(rows, [{ action: "unpromoted", version: "0004", detail: "the shop is down" }]);
    });
});
