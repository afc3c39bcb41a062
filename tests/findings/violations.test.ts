import assert from "node:assert/strict";
import { join } from "node:path";
import { findingsOf } from "../../preview/findings/findings.ts";
import { rehearse } from "../../preview/trial/rehearsal.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { settings } from "./trialGround.ts";

const head = "alter table public.notes add constraint";
const migration = (version: string, up: string): Migration => ({
    version,
    slug: `case_${version}`,
    up,
    down: "select 1;",
    verify: "select 1;",
});

for (const major of [15, 17] as const) {
    describe(`rows of the target that a migration refuses (PostgreSQL ${major})`, function () {
        this.timeout(180_000);
        let cluster: TestCluster;
        let project: SqlProject;

        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster, {
                "0001_notes": {
                    up: "create table public.notes (id bigint, body text); create table public.authors (id bigint); create table public.leaves (id bigint, title text not null);",
                },
            });
            await project.must("migrate up");
            await project.client.query(
                "insert into public.notes select n, 'secret ' || n from generate_series(1, 100) as n; insert into public.leaves values (1, 'a'), (2, 'b')",
            );
            await project.admin.query("create role onlooker login password 'onlooker'");
        });
        after(async () => {
            await project?.admin.query("drop owned by onlooker; drop role onlooker").catch(() => {});
            await project?.remove();
            await cluster?.stop();
        });

        async function rehearsal(pending: readonly Migration[], login: Record<string, string> = {}) {
            return await rehearse({
                environment: { ...process.env, ...project.environment, ...login },
                pending,
                toRollBack: [],
                cacheFolder: join(project.folder, "cache"),
                say: () => {},
            });
        }

        async function violations(pending: readonly Migration[], login: Record<string, string> = {}) {
            return (await rehearsal(pending, login)).violations ?? [];
        }

        async function counts(pending: readonly Migration[], login: Record<string, string> = {}) {
            return (await violations(pending, login)).map(({ version, validated, settled, count }) => ({
                version,
                validated,
                settled,
                ...count,
            }));
        }

        it("are counted anew by each preview, also when all else is kept from the last one", async () => {
            const pending = [migration("0002", `${head} notes_few check (id <= 99) not valid;`)];
            const found = { version: "0002", validated: false, settled: true };
            assert.deepEqual(await counts(pending), [{ ...found, rows: 1 }]);
            await project.client.query("update public.notes set id = 1000 where id <= 10");
            assert.deepEqual(await counts(pending), [{ ...found, rows: 11 }]);
            await project.client.query("update public.notes set id = substr(body, 8)::int where id = 1000");
        });

        it("are told of the migration that reads them, where one adds the constraint and a later one validates it", async () => {
            const pending = [
                migration("0002", `${head} notes_few check (id <= 99) not valid;`),
                migration("0003", "alter table public.notes validate constraint notes_few;"),
            ];
            assert.deepEqual(await counts(pending), [{ version: "0003", validated: true, settled: true, rows: 1 }]);
            const mended = migration(
                "0003",
                "delete from public.notes where id > 99; alter table public.notes validate constraint notes_few;",
            );
            assert.deepEqual(await counts([pending[0] as Migration, mended]), [
                { version: "0003", validated: true, settled: false, rows: 1 },
            ]);
            // Also where it has another name by then.
            const renamed = migration("0002", "alter table public.notes rename to papers;");
            const ofPapers = `delete from public.papers where id > 99; ${head.replace("notes", "papers")} papers_few check (id <= 99);`;
            assert.deepEqual(await counts([renamed, migration("0003", ofPapers)]), [
                { version: "0003", validated: true, settled: false, rows: 1 },
            ]);
            // And where a column has its second other name, on a table that was renamed in between and after.
            const renames = [
                migration("0002", "alter table public.notes rename column body to text;"),
                migration("0003", "alter table public.notes rename to papers;"),
                migration("0004", "alter table public.papers rename column text to words;"),
                migration("0005", "alter table public.papers rename to pages;"),
                migration("0006", `${head.replace("notes", "pages")} pages_words check (words <> 'secret 100');`),
            ];
            assert.deepEqual(await counts(renames), [{ version: "0006", validated: true, settled: true, rows: 1 }]);
            // A cascade or a trigger may reach them.
            const cascading = migration("0002", `delete from public.authors; ${head} notes_few check (id <= 99);`);
            assert.deepEqual(await counts([cascading]), [
                { version: "0002", validated: true, settled: false, rows: 1 },
            ]);
        });

        it("are told at the statement that refuses them, also where one before it has locked the table", async () => {
            const first = migration("0002", `${head} notes_few check (id < 1000);`);
            const drop = "alter table public.notes drop constraint notes_few;";
            const mend = "update public.notes set id = 99 where id > 99;";
            const add = `${head} notes_few check (id <= 99);`;
            const placed = async (up: string) =>
                (await violations([first, migration("0003", up)]))
                    .filter(({ version }) => version === "0003")
                    .map(({ place, settled }) => [place?.line, settled]);
            assert.deepEqual(await placed([drop, mend, add].join("\n")), [[3, false]]);
            assert.deepEqual(await placed([drop, add, mend].join("\n")), [[2, true]]);
            const rename = "alter table public.notes rename to papers;";
            const ofPapers = [drop, mend, add].map(sql => sql.replace(".notes", ".papers"));
            assert.deepEqual(await placed([rename, ...ofPapers].join("\n")), [[4, false]]);
            const notNull = "alter table public.notes alter column body set not null;";
            await project.client.query("insert into public.notes values (1, null)");
            try {
                const other = "alter table public.authors add column body text;";
                assert.deepEqual(await placed(`${notNull}\ncomment on column public.notes.body is '';\n${other}`), [
                    [1, true],
                ]);
            } finally {
                await project.client.query("delete from public.notes where body is null");
            }
        });

        it("are not counted by a login that may not read all of them, and it is said", async () => {
            const pending = [migration("0002", `${head} notes_few check (id <= 99);`)];
            const login = { PGUSER: "onlooker", PGPASSWORD: "onlooker" };
            const why = "this login may not read all rows of public.notes";
            const found = { version: "0002", validated: true, settled: true };
            assert.deepEqual(await counts(pending, login), [{ ...found, why }]);
            await project.client.query(
                "grant select on public.notes to onlooker; alter table public.notes enable row level security",
            );
            assert.deepEqual(await counts(pending, login), [{ ...found, why }]);
            await project.client.query("alter table public.notes disable row level security");
            assert.deepEqual(await counts(pending, login), [{ ...found, rows: 1 }]);
        });

        it("are not waited for: while another session locks the table, and beyond the time for one count, it is said", async () => {
            const pending = [migration("0002", `${head} notes_few check (id <= 99);`)];
            await counts(pending);
            await project.client.query("begin; lock table public.notes in access exclusive mode");
            try {
                const [found] = await counts(pending);
                assert.equal(found && "why" in found && found.why, "another session holds its lock");
            } finally {
                await project.client.query("rollback");
            }
            const slow = "regexp_replace(repeat(body, 100000), 'secret', 'x', 'g') <> ''";
            const [found] = await counts([migration("0002", `${head} notes_slow check (${slow}) not valid;`)]);
            assert.equal(found && "why" in found && found.why, "it took longer than 5 s");
        });

        it("are never told by their values, and a condition that could do something is not computed", async () => {
            const told = async (condition: string) =>
                JSON.stringify(await counts([migration("0002", `${head} notes_odd check (${condition}) not valid;`)]));
            const cast = await told("body::integer > 0");
            assert.match(cast, /could not compute it \(SQLSTATE 22P02\)/);
            assert.doesNotMatch(cast, /secret/);
            assert.match(await told("pg_sleep(60) is not null"), /pg_sleep is no immutable function/);
            assert.match(
                await told("query_to_xml('delete from public.notes', true, true, '') is null"),
                /query_to_xml is no/,
            );
            assert.equal((await project.client.query("select from public.notes")).rowCount, 100);
        });

        describe("in the way back", () => {
            async function said(up: string, down: string, more: readonly Migration[] = []): Promise<string[]> {
                const pending = [...more, { ...migration("0003", up), down }];
                const { violations: found, up: trials, look } = await rehearsal(pending);
                const [own, trial] = [pending.at(-1), trials.at(-1)];
                assert.ok(own && trial && found);
                assert.equal(trial.failure, undefined);
                const { findings } = await findingsOf(own, trial, look, settings, { violations: found });
                return findings
                    .filter(({ code }) => code === "down-fails")
                    .map(({ level, stops, object, place, words }) =>
                        [level, stops ? "stops" : "open", `${object} ${place?.file}:${place?.line}`, words].join("; "),
                    );
            }
            const drop = "alter table public.leaves drop column title;";
            const back = "alter table public.leaves add column title text";
            const at = "column public.leaves.title sql/0003_case_0003/down.sql:1";

            it("stop a migration whose down cannot give a column back that must not be null", async () => {
                const words =
                    "the rollback would fail: the column comes back not null and without a value, and 2 rows are there";
                assert.deepEqual(await said(drop, `${back} not null;`), [`failing; stops; ${at}; ${words}`]);
                assert.deepEqual(await said(`-- irreversible: agreed\n${drop}`, `${back} not null;`), [
                    `failing; open; ${at}; ${words}`,
                ]);
                assert.deepEqual(
                    await said(drop, `${back};\nalter table public.leaves alter column title set not null;`),
                    [`failing; stops; ${at.replace(":1", ":2")}; ${words}`],
                );
            });

            it("are told to be uncounted by a login that may not read all of them", async () => {
                const pending = [{ ...migration("0003", drop), down: `${back} not null;` }];
                const login = { PGUSER: "onlooker", PGPASSWORD: "onlooker" };
                const { violations: found, up, look } = await rehearsal(pending, login);
                assert.ok(pending[0] && up[0] && found);
                const { findings } = await findingsOf(pending[0], up[0], look, settings, { violations: found });
                assert.match(
                    findings.find(({ code }) => code === "rows-not-counted")?.words ?? "",
                    /whether rows are there, .*: this login may not read all rows of public\.leaves/,
                );
            });

            it("are a note where something before it may take them out", async () => {
                const [note] = await said(drop, `${back} not null;`, [
                    migration("0002", "delete from public.leaves where id = 2;"),
                ]);
                assert.match(note ?? "", /^note; open; .*; the rollback fails where .* 2 rows are there now/);
            });

            it("are nobody's fault where the column is filled, has a default, or there is no row", async () => {
                const fill =
                    "update public.leaves set title = '?';\nalter table public.leaves alter column title set not null;";
                assert.deepEqual(await said(drop, `${back};\n${fill}`), []);
                const given = "alter table public.leaves alter column title drop default;";
                assert.deepEqual(await said(drop, `${back} not null default '?';\n${given}`), []);
                const nullable = `-- not-restored: column public.leaves.title\n${back};`;
                assert.deepEqual(await said(drop, nullable), []);
                await project.client.query("create table public.sheets (id bigint, title text not null)");
                const other = (sql: string) => sql.replaceAll("public.leaves", "public.sheets");
                assert.deepEqual(await said(other(drop), other(`${back} not null;`)), []);
                await project.client.query("drop table public.sheets");
            });
        });
    });
}
