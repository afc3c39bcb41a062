import assert from "node:assert/strict";
import { processArguments } from "../../local/processIdentity.ts";
import { readCatalog } from "../../runner/catalog/catalog.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { majors, onlyTrial, rehearsePending, shadowLimit, shadowsOf } from "./ground.ts";
import { startRehearsal } from "./rehearsalProcess.ts";

/** All that a migration could do to a server, and not only to one database. */
const reaching = {
    "0001_reaching": {
        up: `create role visitor login;
             alter role authenticated set work_mem = '8MB';
             create table public.things (id bigint generated always as identity);
             insert into public.things default values;
             select setval(pg_get_serial_sequence('public.things', 'id'), 5000);`,
        down: "drop table public.things;\nalter role authenticated reset work_mem;\ndrop role visitor;",
        verify: "select 1;",
    },
};

for (const major of majors) {
    describe(`what a rehearsal leaves of itself (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major, settings: { log_statement: "all", log_line_prefix: "[%p %a@%d] " } });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster);
            await project.client.query("create sequence public.counter; select nextval('public.counter')");
        });
        afterEach(() => project?.remove());

        /** All of the server that a statement in the wrong place would change. */
        const stateOfServer = async () => {
            const { admin } = project;
            await admin.query("begin");
            const catalog = await readCatalog(admin);
            await admin.query("commit");
            const all = async (sql: string) => (await admin.query(sql)).rows;
            return {
                catalog,
                roles: await all("select * from pg_roles order by oid"),
                databases: await all("select datname, datdba, datacl, datconnlimit from pg_database order by oid"),
                settings: await all("select * from pg_db_role_setting order by 1, 2"),
                counter: await all("select last_value, is_called from public.counter"),
                schemas: await all("select nspname from pg_namespace where nspname !~ '^pg_(temp|toast)' order by 1"),
            };
        };

        it("the target is only read, in read-only sessions, also when a migration makes roles", async () => {
            const before = await stateOfServer();
            const logged = (await cluster.log()).length;
            const trial = onlyTrial(await rehearsePending(project, reaching));
            assert.ok(trial.after.has("role visitor"), "it was made on the shadow");
            assert.deepEqual(await stateOfServer(), before);

            const lines = (await cluster.log())
                .slice(logged)
                .split("\n")
                .filter(line => line.includes(`simulation-db preview`) && line.includes(`@${project.database}]`));
            assert.ok(lines.length > 5, "the log tells what was asked");
            const sessions = Map.groupBy(lines, line => /^\[(\d+) /.exec(line)?.[1] ?? "");
            for (const [process, said] of sessions) {
                const readOnly = said.findIndex(line =>
                    /default_transaction_read_only = on|SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY/i.test(
                        line,
                    ),
                );
                assert.ok(readOnly >= 0, `session ${process} is not read-only:\n${said.join("\n")}`);
                const earlier = said
                    .slice(0, readOnly)
                    .filter(line => !/statement: (BEGIN|SET|SELECT) /i.test(`${line} `));
                assert.deepEqual(earlier, [], "nothing but settings before that");
                assert.ok(!said.some(line => /read only = off|read write/i.test(line)));
            }
        });

        it("no folder is left", async () => {
            await rehearsePending(project, reaching);
            assert.deepEqual(await shadowsOf(process.pid), []);
        });

        it("a preview that is killed takes its server and its files with it, also those of a kept copy", async () => {
            const before = await stateOfServer();
            await rehearsePending(project, { "0001_one": {} });
            const mine = await startRehearsal(project, {
                "0001_slow": {
                    up: "create role visitor; select pg_sleep(60);",
                    down: "select 1;",
                    verify: "select 1;",
                },
            });
            try {
                await until("the shadow is at work", () => mine.printed().includes("trying migrations"), shadowLimit);
                assert.ok((await mine.folders()).length > 0);
                mine.child.kill("SIGKILL");
                await until("the shadow is gone", async () => (await mine.folders()).length === 0, shadowLimit);
                await until("its processes are gone", () => mine.processes().length === 0, shadowLimit);
                assert.ok(!mine.printed().includes("copying catalog"));
                assert.deepEqual(mine.inMemory(), []);
                assert.deepEqual(await stateOfServer(), before);
            } finally {
                mine.child.kill("SIGKILL");
            }
        });

        it("where the keeper was killed as well, the next preview clears up", async () => {
            const mine = await startRehearsal(project, {
                "0001_slow": { up: "select pg_sleep(60);", down: "select 1;", verify: "select 1;" },
            });
            try {
                await until("the shadow is at work", () => mine.printed().includes("trying migrations"), shadowLimit);
                const folders = await mine.folders();
                for (const pid of mine.processes().filter(pid => processArguments(pid).some(isKeeper))) {
                    process.kill(pid, "SIGKILL");
                }
                mine.child.kill("SIGKILL");
                await until("the preview is gone", () => !mine.living(), shadowLimit);
                assert.deepEqual(await mine.folders(), folders, "nobody was there to do it");
                await rehearsePending(project, { "0001_one": {} });
                assert.deepEqual(await mine.folders(), []);
                assert.deepEqual(mine.inMemory(), []);
                assert.deepEqual(mine.processes(), []);
            } finally {
                mine.child.kill("SIGKILL");
            }
        });

        it("two at once do not disturb each other", async () => {
            await project.write(reaching);
            const both = await Promise.all([rehearsePending(project), rehearsePending(project)]);
            for (const { proof, up } of both) {
                assert.ok(proof.verified, proof.words);
                assert.equal(up[0]?.failure, undefined);
                assert.equal(up[0]?.reversal?.verdict, "restored");
            }
        });
    });
}

const isKeeper = (word: string) => word.endsWith("keeper.ts");
