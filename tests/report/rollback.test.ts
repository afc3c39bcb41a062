import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { driftOf } from "../../preview/drift/drift.ts";
import { readSnapshot } from "../../preview/drift/snapshot.ts";
import { jsonOf } from "../../preview/report/json.ts";
import { present } from "../../preview/report/presentation.ts";
import { rehearse } from "../../preview/trial/rehearsal.ts";
import { decode, type Migration } from "../../runner/migration/migration.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { outcomeOf, ownEnvironment } from "../support/engine.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { assertFitsSchema } from "./schema.ts";

const root = dirname(dirname(import.meta.dirname));

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

        /** The preview of rolling these back; the newest first. */
        async function previewOf(
            toRollBack: readonly Migration[],
            more: Record<string, string> = {},
            pending: readonly Migration[] = [],
        ) {
            const rehearsal = await rehearse({
                environment: { ...process.env, ...project.environment, ...more },
                pending,
                toRollBack,
                cacheFolder: join(project.folder, "cache"),
                say: () => {},
            });
            return await present({
                stack: "simulation-db/dev",
                rehearsal,
                pending,
                toRollBack,
                drift: driftOf(rehearsal.look, { nothing: true }),
                settings: { exposedSchemas: [], maxLockMs: 1 },
                gates: { gates: "default", requireVerified: false, drift: "warn" },
                folder: join(project.folder, "preview"),
            });
        }

        it("shows what goes, what is archived, and what waits, and is not stopped for it", async () => {
            const environment = { ...process.env, ...project.environment };
            const toRollBack = ["0002", "0001"].map(version => ({
                ...decode(project.stdin(version)),
                slug: version === "0001" ? "notes" : "mark",
            }));
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

        it("counts the rows that have come since and that its down will refuse, and is stopped for them", async () => {
            // Down itself is of a migration that only the preview knows: it need not have run.
            const optional = (down: string): Migration => ({
                version: "0002",
                slug: "mark",
                up: "alter table public.notes add column mark text;",
                down,
                verify: "select 1;",
            });
            const strict = "alter table public.notes alter column mark set not null;";
            assert.equal((await previewOf([optional(strict)])).stop, undefined);
            await project.client.query("update public.notes set mark = null where id <= 3");
            const rowsOf = async (down: string) => {
                const { stop, report } = await previewOf([optional(down)]);
                const found = report.rollbacks[0]?.findings.find(({ code }) => code === "rows-violate");
                return {
                    level: found?.level,
                    words: found?.words,
                    line: found?.place?.line,
                    stopped: stop !== undefined,
                };
            };
            assert.deepEqual(await rowsOf(strict), {
                level: "failing",
                words: "3 rows of the target violate not null, so PostgreSQL will refuse it",
                line: 1,
                stopped: true,
            });
            const note = {
                level: "note",
                words: "3 rows of the target violate not null now: it fails unless archive-rows or down takes them out first",
                line: 2,
                stopped: false,
            };
            for (const before of [
                "-- archive-rows: public.notes where mark is null",
                "update public.notes set mark = '' where mark is null;",
            ]) {
                assert.deepEqual(await rowsOf(`${before}\n${strict}`), note, before);
            }
            const relocking = [
                "alter table public.notes alter column body set default '';",
                "update public.notes set mark = '' where mark is null;",
            ];
            assert.deepEqual(await rowsOf([...relocking, strict].join("\n")), { ...note, line: 3 });
            assert.equal((await rowsOf("select 1;")).words, undefined);
            await project.client.query("update public.notes set mark = 'y' where mark is null");
        });

        it("stops for what has no way back, and says why of each that comes after it", async () => {
            const irreversible: Migration = {
                version: "0002",
                slug: "mark",
                up: "-- irreversible: the old values are not kept\nalter table public.notes add column mark text;",
                down: "",
                verify: "select 1;",
            };
            const older = { ...decode(project.stdin("0001")), slug: "notes" };
            const pending = { ...older, version: "0003", slug: "things", up: "create schema things;" };
            const { report, stop } = await previewOf([irreversible, older], {}, [pending]);
            assert.match(
                stop?.message ?? "",
                /0002_mark: failing {2}sql\/0002_mark\/down\.sql: cannot be rolled back: the old\s+values are not kept \[down-fails\]/,
            );
            assert.match(stop?.next.join("\n") ?? "", /or write\s+a new migration that goes forward/);
            const findings = [...report.rollbacks, ...report.pending].map(({ name, findings }) => [
                name,
                ...findings.flatMap(({ code, words }) => (/^(down-fails|not-verified)$/.test(code) ? words : [])),
            ]);
            const why =
                "was not tried, this is read from its text: 0002_mark comes before it and did not run to its end";
            assert.deepEqual(findings, [
                ["0002_mark", "cannot be rolled back: the old values are not kept"],
                ["0001_notes", why],
                ["0003_things", why],
            ]);
        });

        it("stops for what has no way back also where it was not tried", async () => {
            const mark = { ...decode(project.stdin("0002")), slug: "mark", down: "drop table nobody;" };
            const older = {
                ...decode(project.stdin("0001")),
                slug: "notes",
                down: "-- not-restored: table public.notes\n",
            };
            const irreversible = { ...older, up: `-- irreversible: gone is gone\n${older.up}` };
            const { report } = await previewOf([mark, irreversible]);
            assert.deepEqual(
                report.rollbacks.map(({ findings }) =>
                    findings.filter(({ level }) => level !== "blocking").map(({ code, words }) => `${code}: ${words}`),
                ),
                [
                    ['migration-fails: PostgreSQL refuses it: table "nobody" does not exist'],
                    [
                        "down-fails: cannot be rolled back: gone is gone",
                        "not-verified: was not tried, this is read from its text: 0002_mark comes before it and did not run to its end",
                    ],
                ],
            );
        });

        it("of a whole destroy is tried on the user's own server, where one is named", async () => {
            const child = spawn(process.execPath, [join(root, "preview/destroy.ts")], {
                cwd: project.folder,
                env: {
                    ...ownEnvironment(),
                    ...project.environment,
                    SIMULATION_DB_SHADOW_URL: "postgresql://postgres:secret-word@127.0.0.1:1/postgres",
                },
                stdio: ["ignore", "pipe", "pipe"],
                timeout: 100_000,
            });
            const { code, output } = await outcomeOf(child);
            assert.equal(code, 0, output);
            assert.match(output.replaceAll(/\s+/g, " "), /your shadow: nothing listens on 127\.0\.0\.1:1/);
            assert.ok(!output.includes("secret-word"));
        });
    });
}
