import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "../docs/pages.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { outcomeOf, ownEnvironment } from "../support/engine.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

describe("a program that the database refuses", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    before(async () => {
        cluster = await testCluster({ major: 15 });
        project = await sqlProject(cluster, { "0001_first": {} });
        await project.must("migrate up");
        await project.admin.query("create role weak login password 'weak'");
    });
    after(async () => {
        await project?.remove();
        await cluster?.stop();
    });

    for (const script of [
        "runner/main.ts status",
        "preview/status.ts",
        "preview/destroy.ts",
        "preview/types.ts",
        "authoring/main.ts check:sql --target",
    ]) {
        it(`says so in words, and without a stack trace: ${script}`, async () => {
            const [file = "", ...words] = script.split(" ");
            const child = spawn(process.execPath, [join(root, file), ...words], {
                cwd: project.folder,
                env: { ...ownEnvironment(), ...project.environment, PGUSER: "weak", PGPASSWORD: "weak" },
            });
            const { code, output } = await outcomeOf(child);
            assert.equal(code, 1, output);
            assert.match(
                output,
                /^PostgreSQL refused a step of the runner itself: permission denied for schema simulation_db$/m,
            );
            assert.match(output, /^ {2}→ the runner logs in as the owner of the database's objects/m);
            assert.doesNotMatch(output, /^\s+at /m);
        });
    }
});
