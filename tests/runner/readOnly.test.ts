import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

for (const major of [15, 17] as const) {
    describe(`a database that takes no writes (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster, { "0001_first": {}, "0002_second": {} });
            await project.must("migrate up --to 0001");
        });
        after(async () => {
            await project?.remove().catch(() => {});
            await cluster?.stop();
        });

        it("for a login that may only read, is said to be that, or what else it may be", async () => {
            await project.admin.query("alter role postgres set default_transaction_read_only = on");
            const { code, stderr } = await project.run("migrate up");
            await project.admin.query("alter role postgres reset default_transaction_read_only");
            assert.equal(code, 1);
            assert.match(stderr, /SQLSTATE 25006/);
            assert.match(stderr, /→ the database takes no writes: .* its disk is full/);
            assert.match(stderr, /→ or the login only reads \(default_transaction_read_only\)/);
            assert.deepEqual(await project.applied(), ["0001"]);
        });

        it("as it is a replica, is named before anything is begun; what only reads goes on there", async () => {
            const { rows } = await project.admin.query<{ folder: string }>(
                "select current_setting('data_directory') as folder",
            );
            await writeFile(join(rows[0]?.folder ?? "", "standby.signal"), "");
            await cluster.restart();
            for (const command of ["migrate up", "migrate down"]) {
                const { code, stderr } = await project.run(command);
                assert.equal(code, 1);
                assert.match(
                    stderr,
                    /^this is a read replica: nothing can be written here\.\n {2}→ connect to the primary: /,
                );
            }
            for (const command of ["migrate status", "archive list"]) await project.must(command);
        });
    });
}
