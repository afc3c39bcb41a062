import assert from "node:assert/strict";
import { join } from "node:path";
import pg from "pg";
import { type Catalog, readCatalog } from "../../runner/catalog/catalog.ts";
import { rehearse } from "../../preview/trial/rehearsal.ts";
import { withSession } from "../../runner/database/session.ts";
import { readLedger } from "../../runner/ledger/ledger.ts";
import { apply } from "../../runner/steps/apply.ts";
import { rollBack } from "../../runner/steps/rollback.ts";
import { readOwnMigrations } from "../sql/own.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { majors, onlyTrial, pendingOf, rehearseOnce, rehearsePending } from "./ground.ts";

const stackRoles = ["dataset_service", "simulation_reader"];

for (const major of majors) {
    describe(`what a rehearsal predicts (PostgreSQL ${major})`, function () {
        this.timeout(480_000);
        let cluster: TestCluster;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());

        it("the plan: after each migration the shadow's catalog was what the target's is after the real up, and down", async () => {
            const { environment } = cluster;
            const migrations = await readOwnMigrations();
            const predicted = await rehearseOnce({ environment, pending: migrations, toRollBack: [], stackRoles });
            assert.ok(predicted.proof.verified, predicted.proof.words);
            assert.deepEqual(
                predicted.up.map(({ version }) => version),
                migrations.map(({ version }) => version),
            );
            for (const { version, slug, failure, reversal } of predicted.up) {
                assert.equal(failure, undefined);
                assert.equal(reversal?.verdict, "restored", `${version}_${slug}`);
            }

            const client = new pg.Client(cluster.connection);
            await client.connect();
            try {
                await client.query(stackRoles.map(role => `create role ${role}`).join(";"));
                await client.query(
                    "alter default privileges in schema public grant select on tables to simulation_reader",
                );
                const inCopy = differences(await catalogOf(client), predicted.up[0]?.before);
                assert.deepEqual(inCopy.map(({ key }) => key).filter(unexpected), []);
                await withSession(environment, "test", async session => {
                    for (const [index, migration] of migrations.entries()) {
                        assert.deepEqual(
                            differences(await catalogOf(client), predicted.up[index]?.before),
                            inCopy,
                            `before ${migration.version}`,
                        );
                        await apply(session, migration, await readLedger(session.client), () => {});
                        assert.deepEqual(
                            differences(await catalogOf(client), predicted.up[index]?.after),
                            inCopy,
                            `after ${migration.version}`,
                        );
                    }
                });

                // And all the way back, from the target as it is now.
                const toRollBack = migrations.toReversed();
                const back = await rehearseOnce({ environment, pending: [], toRollBack, stackRoles });
                assert.ok(back.proof.verified, back.proof.words);
                const inBack = differences(await catalogOf(client), back.down[0]?.before).map(({ key }) => key);
                assert.deepEqual(inBack.filter(unexpected), []);
                await withSession(environment, "test", async session => {
                    for (const [index, migration] of toRollBack.entries()) {
                        assert.equal(back.down[index]?.reversal?.verdict, "restored", migration.slug);
                        await rollBack(session, migration, await readLedger(session.client), () => {});
                        const wrong = differences(await catalogOf(client), back.down[index]?.after);
                        assert.deepEqual(
                            wrong.filter(({ key }) => !inBack.includes(key)),
                            [],
                            `after the down of ${migration.version}`,
                        );
                    }
                });
            } finally {
                await client.end();
            }
        });
    });

    describe(`what a rehearsal says of the way back (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster);
        });
        afterEach(() => project?.remove());

        const verdictOf = async (start: string, up: string, down: string) => {
            await project.client.query(start);
            const trial = onlyTrial(
                await rehearsePending(project, { "0001_change": { up, down, verify: "select 1;" } }),
            );
            assert.equal(trial.failure, undefined);
            const { verdict, differs = [], declared } = trial.reversal ?? {};
            return { verdict, differs: differs.map(({ key }) => key), declared };
        };

        it("a down that forgets a grant, a comment or a search path is told, by the name of what differs", async () => {
            const found = await verdictOf(
                `create table public.things (id bigint);
                 grant select on public.things to authenticated;
                 comment on table public.things is 'Things.';
                 create function public.one() returns integer language sql set search_path = '' return 1;`,
                `revoke select on public.things from authenticated;
                 comment on table public.things is 'Other things.';
                 alter function public.one() reset search_path;`,
                "select 1;",
            );
            assert.equal(found.verdict, "differs");
            assert.deepEqual(found.differs, [
                "comment on table public.things",
                "function public.one()",
                "grants on table public.things to authenticated",
            ]);
        });

        it("a column that comes back in another place is told, and is no fault when down declares it", async () => {
            const start = "create table public.things (id bigint, name text);";
            const up = "alter table public.things drop column id;";
            const key = "column order of public.things";
            assert.deepEqual(await verdictOf(start, up, "alter table public.things add column id bigint;"), {
                verdict: "differs",
                differs: [key],
                declared: [],
            });
            const declared = `-- not-restored: ${key}\nalter table public.things add column id bigint;`;
            assert.deepEqual(await verdictOf("drop table public.things;" + start, up, declared), {
                verdict: "restored except column order",
                differs: [],
                declared: [key],
            });
        });

        it("what up found and told in simulation_db.found reaches its down", async () => {
            const up = `create table public.made (id bigint);
                select set_config('simulation_db.found', '{"table": "made"}', false);`;
            const down = `do $$ begin
                    execute format('drop table public.%I', current_setting('simulation_db.found')::jsonb ->> 'table');
                end $$;`;
            assert.deepEqual(await verdictOf("select 1;", up, down), {
                verdict: "restored",
                differs: [],
                declared: [],
            });
        });

        it("what is declared irreversible is said to be, and nothing is tried", async () => {
            const up = "-- irreversible: an enum keeps its values\nselect 1;";
            const trial = onlyTrial(
                await rehearsePending(project, { "0001_change": { up, down: "", verify: "select 1;" } }),
            );
            assert.equal(trial.reversal?.verdict, "declared irreversible");
        });

        it("a down that PostgreSQL refuses is told with its words, and the next migration is tried all the same", async () => {
            const { up, proof } = await rehearsePending(project, {
                "0001_one": { down: "drop table public.onne;\n" },
                "0002_two": {},
            });
            assert.ok(proof.verified);
            assert.equal(up[0]?.reversal?.verdict, "not tried");
            assert.equal(up[0]?.reversal?.failure?.message, 'table "onne" does not exist');
            assert.equal(up[1]?.reversal?.verdict, "restored");
        });

        it("a rollback of what is applied says what goes, what is archived and what is locked", async () => {
            await project.write({
                "0001_things": {},
                "0002_size": {
                    up: "alter table public.things add column size integer;\n",
                    down: "alter table public.things drop column size;\n",
                    verify: "select size from public.things;\n",
                },
            });
            const migrations = await pendingOf(project);
            await project.must("migrate up");
            const toRollBack = migrations.toReversed();
            const { down, proof } = await rehearseOnce({ environment: project.environment, pending: [], toRollBack });
            assert.ok(proof.verified, proof.words);
            const lost = down.map(({ statements }) => statements.flatMap(({ lost }) => lost));
            assert.deepEqual(lost, [
                [{ kind: "column", name: "public.things.size" }],
                [{ kind: "table", name: "public.things" }],
            ]);
            assert.deepEqual(
                down.map(({ archives }) => archives),
                [[{ table: "public.things", columns: ["size"] }], [{ table: "public.things", columns: "all" }]],
            );
            const [archive] = down[0]?.statements ?? [];
            assert.equal(archive?.kind, "archive");
            assert.deepEqual(archive?.locks.find(({ kind }) => kind === "table")?.mode, "ShareRowExclusiveLock");
            assert.deepEqual(
                down.map(({ reversal }) => reversal?.verdict),
                ["restored", "restored"],
            );

            // A login that may not read the ledger learns the same from the downs alone.
            const admin = project.admin;
            await admin.query("create role looker login password 'looker'");
            try {
                const environment = { ...project.environment, PGUSER: "looker", PGPASSWORD: "looker" };
                const other = await rehearseOnce({ environment, pending: [], toRollBack });
                assert.equal(other.look.ledger, undefined);
                assert.equal(other.look.runsAs, "postgres");
                assert.ok(other.proof.verified, other.proof.words);
                assert.deepEqual(
                    other.down.map(({ statements }) => statements.flatMap(({ lost }) => lost)),
                    lost,
                );
                assert.deepEqual(
                    other.down.map(({ archives }) => archives),
                    down.map(({ archives }) => archives),
                );
            } finally {
                await admin.query("drop role looker");
            }
        });

        it("the same question is answered from the cache, and another one is not", async () => {
            const cacheFolder = join(project.folder, "cache");
            const ask = async (up: string) => {
                await project.write({ "0001_things": { up } });
                const phases: string[] = [];
                const result = await rehearse({
                    environment: project.environment,
                    pending: await pendingOf(project),
                    toRollBack: [],
                    cacheFolder,
                    say: () => {},
                    tookPhase: phase => phases.push(phase),
                });
                return { ...result, looked: !phases.includes("removing shadow") };
            };
            const first = await ask("create table public.things (id bigint);");
            assert.equal(first.looked, false);
            const again = await ask("create table public.things (id bigint);");
            assert.equal(again.looked, true);
            assert.deepEqual({ ...again, look: 0, looked: 0 }, { ...first, look: 0, looked: 0 });
            assert.equal((await ask("create table public.things (id integer);")).looked, false);
            await project.client.query("create table public.another (id bigint)");
            assert.equal((await ask("create table public.things (id bigint);")).looked, false);
        });
    });
}

interface Difference {
    readonly key: string;
    readonly actual: string | undefined;
    readonly predicted: string | undefined;
}

/** What no copy of a catalog changes; the other keys are those that the rehearsal's own notes are about. */
function unexpected(key: string): boolean {
    return !key.startsWith("column order of ") && !key.includes("supautils_stand_in");
}

/** Keys with what the target has and what was predicted. */
function differences(actual: Catalog, predicted: Catalog = new Map()): Difference[] {
    const keys = [...new Set([...actual.keys(), ...predicted.keys()])];
    return keys
        .filter(key => actual.get(key) !== predicted.get(key))
        .map(key => ({ key, actual: actual.get(key), predicted: predicted.get(key) }));
}

async function catalogOf(client: pg.Client): Promise<Map<string, string>> {
    await client.query("begin");
    const catalog = await readCatalog(client);
    await client.query("commit");
    return catalog;
}
