import assert from "node:assert/strict";
import { join } from "node:path";
import { driftOf } from "../../preview/drift/drift.ts";
import { readSnapshot } from "../../preview/drift/snapshot.ts";
import { jsonOf } from "../../preview/report/json.ts";
import { present } from "../../preview/report/presentation.ts";
import { rehearse } from "../../preview/trial/rehearsal.ts";
import { decode } from "../../runner/migration/migration.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { assertFitsSchema } from "./schema.ts";

for (const major of [15, 17] as const) {
    describe(`the preview of a rollback (PostgreSQL ${major})`, function () {
        this.timeout(120_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster, {
                "0001_notes": { up: "create table public.notes (id bigint primary key, body text);" },
                "0002_mark": {
                    up: "alter table public.notes add column mark text;",
                    down: "alter table public.notes drop column mark;",
                    verify: "select mark from public.notes",
                },
            });
            await project.must("migrate up");
            await project.client.query(
                "insert into public.notes select n, 'x', 'y' from generate_series(1, 500) as n; analyze public.notes",
            );
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        it("shows what goes, what is archived, and what waits, and is not stopped for it", async () => {
            const environment = { ...process.env, ...project.environment };
            const toRollBack = ["0002", "0001"].map(version =>
                decode(project.stdin(version), version === "0001" ? "notes" : "mark"),
            );
            const rehearsal = await rehearse({
                environment,
                pending: [],
                toRollBack,
                cacheFolder: join(project.folder, "cache"),
                say: () => {},
            });
            const { rollbacks, stop, report } = await present({
                stack: "simulation-db/dev",
                rehearsal,
                pending: [],
                toRollBack,
                drift: driftOf(rehearsal.look, await readSnapshot(environment)),
                settings: { exposedSchemas: [], maxLockMs: 1 },
                gates: { gates: "strict", requireVerified: true, drift: "stop" },
                folder: join(project.folder, "preview"),
            });
            assertFitsSchema(jsonOf(report));
            const [mark, notes] = rollbacks.map(({ lines }) => lines.join("\n"));
            assert.match(mark ?? "", /^to be rolled back: 0002_mark/);
            assert.match(mark ?? "", /destructive {2}public\.notes\.mark: goes with its values/);
            assert.match(mark ?? "", /- column mark text/);
            assert.match(mark ?? "", /kept in the archive: public\.notes \(mark\), about 500 rows/);
            assert.match(mark ?? "", /public\.notes: reads and writes, for a moment/);
            assert.match(notes ?? "", /- table public\.notes/);
            assert.match(notes ?? "", /kept in the archive: public\.notes, about 500 rows/);
            assert.equal(stop, undefined);
            assert.deepEqual(
                report.rollbacks.map(({ name, direction, tried }) => [name, direction, tried]),
                [
                    ["0002_mark", "down", true],
                    ["0001_notes", "down", true],
                ],
            );
        });
    });
}
