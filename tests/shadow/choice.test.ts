import assert from "node:assert/strict";
import pg from "pg";
import { embeddedShadow } from "../../preview/shadow/embedded.ts";
import { lookAt } from "../../preview/look/look.ts";
import { takePlace } from "../../preview/shadow/place.ts";
import { makeDataDir, ShadowServer } from "../../preview/shadow/server.ts";
import { Progress } from "../../preview/trial/progress.ts";
import { causeIn, type TrialGround, trialGround } from "../findings/trialGround.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { majors, onlyTrial, rehearseOnce, rehearsePending, shadowsOf } from "./ground.ts";

/** A server of the user's own: not a copy of the target's, as two test clusters are. */
async function usersServer(major: 15 | 17) {
    const server = new ShadowServer(await takePlace(2 ** 28), major);
    const login = await makeDataDir(server.place, major);
    await server.start();
    return {
        stop: () => server.leave(),
        adminUrl: (): pg.ClientConfig => server.config(login, "postgres"),
    };
}

/** As a user would write it into the stack's configuration. */
function urlOf({ user, password, host, port, database }: pg.ClientConfig): string {
    return `postgresql://${user}:${password as string}@${host}:${port}/${database}?sslmode=disable`;
}

const eventTrigger = `create function public.watch() returns event_trigger language plpgsql as 'begin end';
create event trigger watcher on ddl_command_end execute function public.watch();`;

const triggerOn = (table: string) =>
    `create function public.welcome() returns trigger language plpgsql as 'begin return new; end';
     create trigger welcoming after insert on ${table} for each row execute function public.welcome();`;

const platformMigration = (up: string, down = "select 1;") => ({
    version: "0001",
    slug: "platform",
    up,
    down,
    verify: "select 1;",
});

for (const major of majors) {
    describe(`which shadow is chosen (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let cluster: TestCluster;
        let other: Awaited<ReturnType<typeof usersServer>>;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
            other = await usersServer(major);
        });
        after(async () => {
            await cluster?.stop();
            await other?.stop();
        });
        beforeEach(async () => {
            project = await sqlProject(cluster);
        });
        afterEach(() => project?.remove());

        const reaching = {
            "0001_reaching": {
                up: "create role visitor;\ncreate table public.things (id bigint);\ngrant select on public.things to visitor;\n",
                down: "drop table public.things;\ndrop role visitor;\n",
                verify: "select from public.things;\n",
            },
        };

        const withShadow = (url: string) => ({
            environment: { ...project.environment, SIMULATION_DB_SHADOW_URL: url },
        });

        const stateOf = async (server: { adminUrl(): pg.ClientConfig }) => {
            const admin = new pg.Client(server.adminUrl());
            await admin.connect();
            try {
                const all = async (sql: string) => (await admin.query(sql)).rows;
                return {
                    roles: await all("select * from pg_roles order by rolname"),
                    members: await all("select roleid, member from pg_auth_members order by 1, 2"),
                    databases: await all("select datname from pg_database order by 1"),
                    settings: await all("select * from pg_db_role_setting order by 1, 2"),
                };
            } finally {
                await admin.end();
            }
        };

        it("one of the user's own comes first, and is left as it was", async () => {
            // A role that only the target has.
            await project.admin.query("create role only_here in role authenticated");
            const before = await stateOf(other);
            try {
                const { proof, up } = await rehearsePending(project, reaching, withShadow(urlOf(other.adminUrl())));
                assert.equal(proof.level, "your shadow");
                assert.match(
                    proof.words,
                    new RegExp(`^verified on your shadow of PostgreSQL ${major}, catalog copied by `),
                );
                assert.equal(up[0]?.failure, undefined);
                assert.equal(up[0]?.reversal?.verdict, "restored");
                assert.ok(up[0]?.after.has("role visitor"));
                assert.ok(up[0]?.before.has("role only_here"));
                assert.deepEqual(await stateOf(other), before);
            } finally {
                await project.admin.query("drop role only_here");
            }
        });

        it("what a killed preview left on the user's server is removed by the next one", async () => {
            const before = await stateOf(other);
            const admin = new pg.Client(other.adminUrl());
            await admin.connect();
            await admin.query("create database simulation_db_shadow_0123456789abcdef");
            const names = before.roles.map(({ rolname }) => rolname);
            await admin.query(
                `comment on database simulation_db_shadow_0123456789abcdef is '${JSON.stringify({ before: names })}'`,
            );
            await admin.query("create role left_behind");
            await admin.end();
            await rehearsePending(project, reaching, withShadow(urlOf(other.adminUrl())));
            assert.deepEqual(await stateOf(other), before);
        });

        it("a shadow on the target's own server is refused, whatever it is called", async () => {
            await assert.rejects(
                rehearsePending(project, reaching, withShadow(urlOf(cluster.adminUrl("template1")))),
                /SIMULATION_DB_SHADOW_URL is a database of the target's own server/,
            );
        });

        it("where the user's server cannot be used, an embedded one is, and the reason is told without the password", async () => {
            const admin = new pg.Client(other.adminUrl());
            await admin.connect();
            await admin.query("create role weak login password 'weak'");
            await admin.end();
            const shadowUrl = urlOf({ ...other.adminUrl(), user: "weak", password: "weak" });
            const { proof } = await rehearsePending(project, reaching, withShadow(shadowUrl));
            assert.equal(proof.level, "embedded shadow");
            assert.ok(proof.verified);
            assert.equal(
                proof.notes[0],
                "your shadow: the login of SIMULATION_DB_SHADOW_URL is no superuser: it cannot make the target's roles",
            );
            const gone = "postgresql://postgres:secret-word@127.0.0.1:1/postgres";
            const other1 = await rehearsePending(project, reaching, withShadow(gone));
            assert.match(other1.proof.notes[0] ?? "", /^your shadow: nothing listens on 127\.0\.0\.1:1/);
            assert.ok(!JSON.stringify(other1.proof).includes("secret-word"));
        });

        it("a user's server on which the role of the migrations is a superuser would hide a missing right, and is not used", async () => {
            const admin = new pg.Client(other.adminUrl());
            await admin.connect();
            await admin.query("create role postgres superuser");
            try {
                const { proof, up } = await rehearsePending(
                    project,
                    {
                        "0001_powerful": {
                            up: "create role powerful superuser;",
                            down: "drop role powerful;",
                            verify: "select 1;",
                        },
                    },
                    withShadow(urlOf(other.adminUrl())),
                );
                assert.equal(up[0]?.failure?.code, "42501");
                assert.equal(proof.level, "embedded shadow");
                assert.match(
                    proof.notes[0] ?? "",
                    /^your shadow: postgres, which runs the migrations, is a superuser on the server of SIMULATION_DB_SHADOW_URL and not on the target: no missing right would be seen there \(name a server whose superuser/,
                );
            } finally {
                await admin.query("drop role postgres");
                await admin.end();
            }
        });

        it("with nothing to try there is no shadow, and the look at the target is there all the same", async () => {
            await project.client.query("create table public.things (id bigint)");
            const phases: string[] = [];
            const { proof, look, up, down } = await rehearseOnce({
                environment: project.environment,
                pending: [],
                toRollBack: [],
                tookPhase: phase => phases.push(phase),
            });
            assert.deepEqual({ level: proof.level, up, down }, { level: "not needed", up: [], down: [] });
            assert.deepEqual(phases, ["looking at target"]);
            const whole = await lookAt(project.environment);
            assert.equal(look.catalogHash, whole.catalogHash, "and of the same");
            assert.ok(look.catalog.size > 10);
            assert.ok(whole.tables.size > 0 && look.tables.size === 0, "without what only a trial needs");
        });

        it("a major that npm has no server for is told, and nothing is left of the attempt", async () => {
            const folders = await shadowsOf(process.pid);
            const look = await lookAt(project.environment);
            const needs = { comingRoles: [], migrationTexts: [] };
            await assert.rejects(
                embeddedShadow(project.environment, { ...look, major: 16 }, needs, new Progress(() => {})),
                /the target is PostgreSQL 16, and the embedded ones are 15 and 17/,
            );
            assert.deepEqual(await shadowsOf(process.pid), folders);
        });

        it("when no shadow can be made, it says NOT VERIFIED and why, and no trial pretends otherwise", async () => {
            const folders = await shadowsOf(process.pid);
            // The roles of the target cannot all be made: one has a name that PostgreSQL reserves.
            await project.admin.query("update pg_authid set rolname = 'none' where rolname = 'dashboard_user'");
            try {
                const { proof, up } = await rehearsePending(project, reaching);
                assert.equal(proof.level, "static");
                assert.equal(proof.verified, false);
                assert.match(proof.words, /^NOT VERIFIED AGAINST A DATABASE: .*"?none"?/);
                assert.deepEqual(up, []);
                assert.deepEqual(await shadowsOf(process.pid), folders);
            } finally {
                await project.admin.query("update pg_authid set rolname = 'dashboard_user' where rolname = 'none'");
            }
        });

        it("a policy on a table of Supabase's own works as it does there, and what it refuses is refused", async () => {
            const { environment } = cluster;
            const migration = (up: string) => ({
                version: "0001",
                slug: "policy",
                up,
                down: "select 1;",
                verify: "select 1;",
            });
            const pending = [
                {
                    ...migration("create policy mine on storage.objects for select to authenticated using (true);"),
                    down: "drop policy mine on storage.objects;",
                },
            ];
            const allowed = onlyTrial(await rehearseOnce({ environment, pending, toRollBack: [] }));
            assert.equal(allowed.failure, undefined);
            assert.ok(allowed.after.has("policy mine on storage.objects"));
            assert.equal(allowed.reversal?.verdict, "restored");
            const refused = onlyTrial(
                await rehearseOnce({
                    environment,
                    pending: [migration("alter table storage.objects disable row level security;")],
                    toRollBack: [],
                }),
            );
            assert.match(refused.failure?.message ?? "", /^must be owner of (table|relation) objects$/);
            assert.equal(refused.failure?.cause, "migration");
        });

        it("what Supabase alone would allow is refused by an embedded target as well: the migration's fault", async () => {
            const pending = [platformMigration(eventTrigger)];
            const trial = onlyTrial(await rehearseOnce({ environment: cluster.environment, pending, toRollBack: [] }));
            assert.deepEqual([trial.failure?.code, trial.failure?.cause], ["42501", "migration"]);
        });
    });

    describe(`on a hosted project, where supautils is at work (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let cluster: TestCluster;
        let ground: TrialGround;
        before(async () => {
            cluster = await testCluster({ major });
            // The embedded default's stand-in is not there either; and the first superuser has a name of its own.
            const admin = new pg.Client(cluster.adminUrl());
            await admin.connect();
            await admin.query(
                `drop event trigger supautils_stand_in_open;
                 drop event trigger supautils_stand_in_check;
                 drop event trigger supautils_stand_in_close;
                 drop schema supautils_stand_in cascade;
                 create role renamer superuser login password 'renamer'`,
            );
            await admin.end();
            const renamer = new pg.Client({ ...cluster.adminUrl(), user: "renamer", password: "renamer" });
            await renamer.connect();
            await renamer.query('alter role supabase_admin rename to "first one"');
            await renamer.end();
            ground = await trialGround(cluster, "select 1");
        });
        after(async () => {
            await ground?.remove();
            await cluster?.stop();
        });

        it("postgres may make extensions and policies that PostgreSQL alone would refuse", async () => {
            const pending = [
                {
                    version: "0001",
                    slug: "platform",
                    up: "create extension dblink schema extensions;\ncreate policy mine on storage.objects for select to authenticated using (true);\n",
                    down: "drop policy mine on storage.objects;\ndrop extension dblink;\n",
                    verify: "select 1;",
                },
            ];
            const trial = onlyTrial(await rehearseOnce({ environment: cluster.environment, pending, toRollBack: [] }));
            assert.equal(trial.failure, undefined);
            assert.ok(trial.after.has("extension dblink") && trial.after.has("policy mine on storage.objects"));
            assert.match(trial.after.get("foreign data wrapper dblink_fdw") ?? "", /^"first one" /);
            assert.equal(trial.reversal?.verdict, "restored");
            const own = [...trial.before.keys()].filter(key => key.includes("supautils_stand_in"));
            assert.deepEqual(own, [], "what the shadow needs for it is no part of the prediction");
        });

        it("postgres drops its triggers on Supabase's tables again", async () => {
            const down = "drop trigger welcoming on auth.users;\ndrop function public.welcome();";
            const pending = [platformMigration(triggerOn("auth.users"), down)];
            const trial = onlyTrial(await rehearseOnce({ environment: cluster.environment, pending, toRollBack: [] }));
            assert.equal(trial.reversal?.failure, undefined);
            assert.equal(trial.reversal?.verdict, "restored");
        });

        for (const [what, sql] of [
            ["an event trigger", eventTrigger],
            ["an event trigger in a DO block", `do $do$ begin execute $x$${eventTrigger}$x$; end $do$;`],
            ["a publication of all tables", "create publication everything for all tables;"],
            ["a setting for superusers", "set local session_replication_role = 'replica';"],
            [
                "a trigger that a DO block drops",
                `${triggerOn("auth.users")} do $$ begin drop trigger welcoming on auth.users; end $$;`,
            ],
        ] as const) {
            it(`what it may and the shadow may not proves nothing: ${what}`, async () => {
                assert.equal(await causeIn(ground, sql), "shadow-cannot");
            });
        }

        for (const [what, sql] of [
            ["a table of theirs", "alter table storage.objects disable row level security;"],
            ["a superuser", "create role made_up superuser;"],
            ["another role", "set local role supabase_storage_admin;"],
            [
                "a trigger on another table of theirs",
                `${triggerOn("auth.one_time_tokens")} drop trigger welcoming on auth.one_time_tokens;`,
            ],
        ] as const) {
            it(`what it may not there either is the migration's fault: ${what}`, async () => {
                assert.equal(await causeIn(ground, sql), "migration-fails");
            });
        }
    });
}
