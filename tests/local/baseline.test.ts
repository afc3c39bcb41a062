import assert from "node:assert/strict";
import pg from "pg";
import type { BaselineShape } from "../../local/baseline.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";

const ada = "a0000000-0000-4000-8000-000000000001";
const edsger = "a0000000-0000-4000-8000-000000000004";

/** A cluster for a block of tests, and a way to ask it. */
function clusterOf(options: { major: 15 | 17; shape?: Partial<BaselineShape> }) {
    let cluster: TestCluster;
    before(async function () {
        this.timeout(120_000);
        cluster = await testCluster(options);
    });
    after(async () => cluster?.stop());

    const connect = async (config: pg.ClientConfig) => {
        const client = new pg.Client(config);
        await client.connect();
        return client;
    };
    return {
        /** As postgres; what the statements did is rolled back. */
        async asPostgres<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
            const client = await connect(cluster.connection);
            try {
                await client.query("begin");
                return await work(client);
            } finally {
                await client.end();
            }
        },
        connect: () => connect(cluster.connection),
        async rows(sql: string): Promise<Record<string, unknown>[]> {
            const client = await connect(cluster.adminUrl());
            try {
                return (await client.query(sql)).rows;
            } finally {
                await client.end();
            }
        },
    };
}

/** The statement fails for want of a right, with this message; the transaction goes on. */
async function refused(client: pg.Client, sql: string, message: RegExp): Promise<void> {
    await client.query("savepoint refused");
    await assert.rejects(client.query(sql), (error: pg.DatabaseError) => {
        assert.equal(error.code, "42501", `${sql}: ${error.message}`);
        assert.match(error.message, message);
        return true;
    });
    await client.query("rollback to savepoint refused");
}

for (const major of [15, 17] as const) {
    describe(`the baseline on PostgreSQL ${major}`, function () {
        this.timeout(30_000);
        const database = clusterOf({ major });

        it("postgres is no superuser, bypasses row level security, and owns nothing of auth and storage", async () => {
            const [role] = await database.rows(`
                select rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
                    pg_has_role('postgres', 'supabase_auth_admin', 'member') as auth_admin,
                    pg_has_role('postgres', 'supabase_storage_admin', 'member') as storage_admin,
                    pg_has_role('postgres', 'supabase_realtime_admin', 'member') as realtime_admin
                from pg_roles where rolname = 'postgres'`);
            assert.deepEqual(role, {
                rolsuper: false,
                rolinherit: true,
                rolcreaterole: true,
                rolcreatedb: true,
                rolcanlogin: true,
                rolreplication: true,
                rolbypassrls: true,
                auth_admin: false,
                storage_admin: false,
                realtime_admin: false,
            });
        });

        it("authenticator inherits nothing, the roles of the API inherit", async () => {
            const roles = await database.rows(`
                select rolname, rolinherit, rolcanlogin, rolbypassrls from pg_roles
                where rolname in ('anon', 'authenticated', 'service_role', 'authenticator') order by rolname`);
            assert.deepEqual(roles, [
                { rolname: "anon", rolinherit: true, rolcanlogin: false, rolbypassrls: false },
                { rolname: "authenticated", rolinherit: true, rolcanlogin: false, rolbypassrls: false },
                { rolname: "authenticator", rolinherit: false, rolcanlogin: true, rolbypassrls: false },
                { rolname: "service_role", rolinherit: true, rolcanlogin: false, rolbypassrls: true },
            ]);
        });

        it("postgres may become the roles of the API, and since 16 grant them on", async () => {
            const memberships = await database.rows(`
                select r.rolname, m.admin_option from pg_auth_members m join pg_roles r on r.oid = m.roleid
                where m.member = 'postgres'::regrole order by 1`);
            const since16 = major >= 16;
            assert.deepEqual(
                memberships.map(row => [row.rolname, row.admin_option]),
                [
                    ["anon", since16],
                    ["authenticated", since16],
                    ["authenticator", since16],
                    ...(since16 ? [["pg_create_subscription", false]] : []),
                    ["pg_monitor", since16],
                    ["pg_read_all_data", since16],
                    ["pg_signal_backend", since16],
                    ["pgtle_admin", false],
                    ["service_role", since16],
                ],
            );
        });

        it("what postgres makes in public is born with everything for the roles of the API", async () => {
            await database.asPostgres(async client => {
                await client.query("create table public.fresh (id bigint generated always as identity)");
                await client.query("create function public.fresh() returns int language sql return 1");
                const { rows } = await client.query(`
                    select a.grantee::regrole::text as role, c.relkind as kind,
                        string_agg(a.privilege_type, ' ' order by a.privilege_type) as rights
                    from pg_class c, aclexplode(c.relacl) a
                    where c.relname in ('fresh', 'fresh_id_seq') group by 1, 2 order by 1, 2`);
                const table = `DELETE INSERT ${major >= 17 ? "MAINTAIN " : ""}REFERENCES SELECT TRIGGER TRUNCATE UPDATE`;
                assert.deepEqual(
                    rows.map(row => Object.values(row)),
                    ["anon", "authenticated", "postgres", "service_role"].flatMap(role => [
                        [role, "S", "SELECT UPDATE USAGE"],
                        [role, "r", table],
                    ]),
                );
                const [callable] = (
                    await client.query("select has_function_privilege('anon', 'public.fresh()', 'execute')")
                ).rows;
                assert.deepEqual(callable, { has_function_privilege: true });
            });
        });

        it("auth.uid(), role(), email() and jwt() read the claims of the request, in either form", async () => {
            await database.asPostgres(async client => {
                const claims = { sub: ada, role: "authenticated", email: "ada@example.com" };
                const asked = `select auth.uid(), auth.role(), auth.email(), auth.jwt() ->> 'sub' as jwt`;
                const expected = { uid: ada, role: claims.role, email: claims.email };
                await client.query("select set_config('request.jwt.claims', $1, true)", [JSON.stringify(claims)]);
                await client.query("set local role anon");
                assert.deepEqual((await client.query(asked)).rows, [{ ...expected, jwt: ada }]);

                await client.query("select set_config('request.jwt.claims', '', true)");
                const nobody = { uid: null, role: null, email: null, jwt: null };
                assert.deepEqual((await client.query(asked)).rows, [nobody]);
                for (const [name, value] of Object.entries(claims)) {
                    await client.query("select set_config($1, $2, true)", [`request.jwt.claim.${name}`, value]);
                }
                assert.deepEqual((await client.query(asked)).rows, [{ ...expected, jwt: null }]);
            });
        });

        it("auth.users is GoTrue's: its columns, its owner, its rights", async () => {
            const columns = await database.rows(
                "select attname from pg_attribute where attrelid = 'auth.users'::regclass and attnum > 0",
            );
            assert.equal(columns.length, 35);
            const [table] = await database.rows(`
                select relowner::regrole::text as owner, relrowsecurity,
                    has_table_privilege('postgres', oid, 'select with grant option') as postgres_grants,
                    has_table_privilege('postgres', oid, 'references') and has_table_privilege('postgres', oid, 'trigger')
                        as postgres_refers,
                    has_table_privilege('anon', oid, 'select, insert, update, delete') as anon,
                    has_table_privilege('authenticated', oid, 'select') as authenticated,
                    has_table_privilege('service_role', oid, 'select') as service_role
                from pg_class where oid = 'auth.users'::regclass`);
            assert.deepEqual(table, {
                owner: "supabase_auth_admin",
                relrowsecurity: true,
                postgres_grants: true,
                postgres_refers: true,
                anon: false,
                authenticated: false,
                service_role: false,
            });
            await database.asPostgres(async client => {
                await refused(client, "alter table auth.users add column extra text", /must be owner of table users/);
                await refused(client, "create table auth.extra ()", /permission denied for schema auth/);
                await client.query(`create trigger extra before insert on auth.users
                    for each row execute function storage.update_updated_at_column()`);
            });
        });

        it("storage is the Storage server's: owner, row level security without a policy, full rights behind it", async () => {
            const tables = await database.rows(`
                select relname, relowner::regrole::text as owner, relrowsecurity,
                    (select count(*)::int from pg_policy where polrelid = c.oid) as policies,
                    has_table_privilege('postgres', c.oid, 'insert with grant option') as postgres_grants,
                    has_table_privilege('anon', c.oid, 'insert') as anon
                from pg_class c where relnamespace = 'storage'::regnamespace and relkind = 'r' order by 1`);
            const common = { owner: "supabase_storage_admin", relrowsecurity: true, policies: 0 };
            assert.deepEqual(tables, [
                { relname: "buckets", ...common, postgres_grants: true, anon: true },
                { relname: "migrations", ...common, postgres_grants: false, anon: false },
                { relname: "objects", ...common, postgres_grants: true, anon: true },
                { relname: "s3_multipart_uploads", ...common, postgres_grants: false, anon: false },
                { relname: "s3_multipart_uploads_parts", ...common, postgres_grants: false, anon: false },
            ]);
        });

        it("a bucket is made by plain SQL, and deleted only by who says he is the Storage server", async () => {
            await database.asPostgres(async client => {
                await client.query("insert into storage.buckets (id, name) values ('b', 'b')");
                await client.query("insert into storage.objects (bucket_id, name) values ('b', 'owner/2025/data.csv')");
                const parts = await client.query(`
                    select path_tokens, storage.foldername(name) as folder, storage.filename(name) as file,
                        storage.extension(name) as extension
                    from storage.objects`);
                assert.deepEqual(parts.rows, [
                    {
                        path_tokens: ["owner", "2025", "data.csv"],
                        folder: ["owner", "2025"],
                        file: "data.csv",
                        extension: "csv",
                    },
                ]);
                const refusal = /^Direct deletion from storage tables is not allowed\. Use the Storage API instead\.$/;
                await refused(client, "delete from storage.objects", refusal);
                await refused(client, "delete from storage.buckets where false", refusal);
                await client.query("select set_config('storage.allow_delete_query', 'true', true)");
                await client.query("delete from storage.objects");
                assert.equal((await client.query("delete from storage.buckets")).rowCount, 1);
            });
        });

        it("a bucket's name has 100 characters at most", async () => {
            await database.asPostgres(async client => {
                const insert = "insert into storage.buckets (id, name) values ($1, $1)";
                await client.query(insert, ["b".repeat(100)]);
                await assert.rejects(
                    client.query(insert, ["b".repeat(101)]),
                    /is too long \(101 characters\)\. Max is 100\./,
                );
            });
        });

        it("storage.search lists one level: folders, then files", async () => {
            await database.asPostgres(async client => {
                await client.query("insert into storage.buckets (id, name) values ('b', 'b')");
                await client.query(
                    `insert into storage.objects (bucket_id, name)
                    select 'b', unnest(array['a/1.csv', 'a/2.csv', 'a/deep/3.csv', 'z.csv'])`,
                );
                const list = async (prefix: string, level: number) =>
                    (
                        await client.query("select name, id is null as folder from storage.search($1, 'b', 10, $2)", [
                            prefix,
                            level,
                        ])
                    ).rows;
                assert.deepEqual(await list("", 1), [
                    { name: "a", folder: true },
                    { name: "z.csv", folder: false },
                ]);
                assert.deepEqual(await list("a/", 2), [
                    { name: "deep", folder: true },
                    { name: "1.csv", folder: false },
                    { name: "2.csv", folder: false },
                ]);
            });
        });

        it("the schema extensions holds uuid-ossp, pgcrypto and pg_stat_statements, and postgres finds it", async () => {
            const extensions = await database.rows(
                "select extname from pg_extension where extnamespace = 'extensions'::regnamespace order by 1",
            );
            assert.deepEqual(
                extensions.map(row => row.extname),
                ["pg_stat_statements", "pgcrypto", "uuid-ossp"],
            );
            await database.asPostgres(async client => {
                const { rows } = await client.query(`
                    select current_setting('search_path') as path, uuid_generate_v4() is not null as uuid,
                        encode(digest('', 'md5'), 'hex') as md5, (select count(*) > 0 from pg_stat_statements) as statements`);
                assert.deepEqual(rows, [
                    {
                        path: '"$user", public, extensions',
                        uuid: true,
                        md5: "d41d8cd98f00b204e9800998ecf8427e",
                        statements: true,
                    },
                ]);
            });
        });

        it("the publication supabase_realtime is empty and belongs to postgres", async () => {
            const publications = await database.rows(`
                select pubname, pubowner::regrole::text as owner, puballtables,
                    (select count(*)::int from pg_publication_tables) as tables
                from pg_publication`);
            assert.deepEqual(publications, [
                { pubname: "supabase_realtime", owner: "postgres", puballtables: false, tables: 0 },
            ]);
        });

        it("the six event triggers are there, besides those of the stand-in for supautils", async () => {
            const triggers = await database.rows(`
                select evtname, evtowner::regrole::text as owner from pg_event_trigger
                where evtname not like 'supautils_stand_in%' order by 1`);
            const owner = "supabase_admin";
            assert.deepEqual(triggers, [
                { evtname: "issue_graphql_placeholder", owner },
                { evtname: "issue_pg_cron_access", owner },
                { evtname: "issue_pg_graphql_access", owner },
                { evtname: "issue_pg_net_access", owner },
                { evtname: "pgrst_ddl_watch", owner },
                { evtname: "pgrst_drop_watch", owner },
            ]);
        });

        it("a change of the schema tells PostgREST to read it again", async () => {
            const client = await database.connect();
            try {
                const heard: string[] = [];
                client.on("notification", ({ channel, payload }) => heard.push(`${channel}: ${payload}`));
                await client.query("listen pgrst");
                await client.query("create table public.noticed ()");
                await client.query("drop table public.noticed");
                await client.query("select 1");
                assert.deepEqual(heard, ["pgrst: reload schema", "pgrst: reload schema"]);
            } finally {
                await client.end();
            }
        });

        it("anon is given 3 seconds for a statement, authenticated and authenticator 8", async () => {
            const settings = await database.rows(`
                select rolname, rolconfig from pg_roles
                where rolname in ('anon', 'authenticated', 'authenticator') order by 1`);
            assert.deepEqual(settings, [
                { rolname: "anon", rolconfig: ["statement_timeout=3s"] },
                { rolname: "authenticated", rolconfig: ["statement_timeout=8s"] },
                { rolname: "authenticator", rolconfig: ["statement_timeout=8s", "lock_timeout=8s"] },
            ]);
        });

        it("a schema of one's own is open to nobody", async () => {
            await database.asPostgres(async client => {
                await client.query("create schema app create table app.secrets ()");
                const { rows } = await client.query(`
                    select has_schema_privilege(role, 'app', 'usage') as schema,
                        has_table_privilege(role, 'app.secrets', 'select') as "table"
                    from unnest(array['anon', 'authenticated', 'service_role']) as role`);
                for (const row of rows) assert.deepEqual(row, { schema: false, table: false });
            });
        });

        it("the schemas belong to whom they belong to, and postgres may not create in Supabase's", async () => {
            const schemas = await database.rows(`
                select nspname, nspowner::regrole::text as owner, has_schema_privilege('postgres', oid, 'create') as postgres
                from pg_namespace
                where nspname !~ '^(pg_|information_schema|supautils_stand_in)' or nspname = 'pgbouncer' order by 1`);
            assert.deepEqual(
                schemas.map(row => [row.nspname, row.owner, row.postgres]),
                [
                    ["auth", "supabase_admin", false],
                    ["extensions", "postgres", true],
                    ["graphql_public", "supabase_admin", false],
                    ["pgbouncer", "pgbouncer", false],
                    ["public", "pg_database_owner", true],
                    ["realtime", "supabase_admin", false],
                    ["storage", "supabase_admin", false],
                ],
            );
        });

        describe("in place of supautils", () => {
            const memberships =
                "select member::regrole::text, roleid::regrole::text, admin_option from pg_auth_members order by 1, 2";

            it("postgres makes, changes and drops policies on storage.objects, and keeps no right from it", async () => {
                await database.asPostgres(async client => {
                    const before = (await client.query(memberships)).rows;
                    await client.query("create policy one on storage.objects for select to authenticated using (true)");
                    await client.query("alter policy one on storage.objects using (bucket_id = 'b')");
                    await client.query("alter policy one on storage.objects rename to two");
                    await client.query("do $$ begin create policy three on auth.users for select using (true); end $$");
                    await client.query('create policy "on messages" on realtime.messages for select using (true)');
                    assert.deepEqual((await client.query(memberships)).rows, before);
                    await refused(
                        client,
                        "alter table storage.objects disable row level security",
                        /must be owner of table objects/,
                    );
                    await refused(
                        client,
                        "comment on policy two on storage.objects is ''",
                        /must be owner of relation objects/,
                    );
                    await refused(client, "create table storage.extra ()", /permission denied for schema storage/);
                    await refused(client, "set local role supabase_storage_admin", /permission denied to set role/);
                    await client.query("drop policy two on storage.objects");
                    await client.query("drop policy if exists two on storage.objects");
                    assert.deepEqual((await client.query(memberships)).rows, before);
                });
            });

            it("a function of postgres makes them too", async () => {
                await database.asPostgres(async client => {
                    await client.query(`create function public.protect() returns void language plpgsql as
                        $$ begin create policy four on storage.objects for select using (true); end $$`);
                    await client.query("select public.protect()");
                });
            });

            it("policies on other tables of the same owners are refused, also when the text hides the table", async () => {
                await database.asPostgres(async client => {
                    const refusal = /must be owner of (table|relation) one_time_tokens/;
                    await refused(client, "create policy p on auth.one_time_tokens using (true)", refusal);
                    await refused(
                        client,
                        "do $$ begin execute 'create pol' || 'icy p on auth.one_time_tokens using (true)'; end $$",
                        refusal,
                    );
                    await refused(
                        client,
                        "create policy p on storage.objects using (true); create policy p on auth.one_time_tokens using (true)",
                        refusal,
                    );
                });
                const admin = "create policy p on auth.one_time_tokens using (true)";
                await database.rows(admin);
                try {
                    await database.asPostgres(async client => {
                        const refusal = /must be owner of (table|relation) one_time_tokens/;
                        await refused(
                            client,
                            "do $$ begin execute 'drop pol' || 'icy p on auth.one_time_tokens'; end $$",
                            refusal,
                        );
                        await refused(
                            client,
                            "do $$ begin execute 'alter pol' || 'icy p on auth.one_time_tokens using (false)'; end $$",
                            refusal,
                        );
                    });
                } finally {
                    await database.rows("drop policy p on auth.one_time_tokens");
                }
            });

            it("roles other than postgres get nothing from it", async () => {
                await database.asPostgres(async client => {
                    await client.query("set local role service_role");
                    await refused(
                        client,
                        "create policy p on storage.objects using (true)",
                        /must be owner of table objects/,
                    );
                });
            });

            it("two sessions at once wait for each other and both succeed", async () => {
                const one = await database.connect();
                const other = await database.connect();
                try {
                    await one.query("begin");
                    await one.query("create policy one on storage.objects for select using (true)");
                    const waiting = other.query("create policy other on auth.users for select using (true)");
                    await one.query("create policy again on storage.buckets for select using (true)");
                    await one.query("commit");
                    await waiting;
                    await one.query("drop policy one on storage.objects");
                    await one.query("drop policy again on storage.buckets");
                    await one.query("drop policy other on auth.users");
                } finally {
                    await one.end();
                    await other.end();
                }
            });

            it("policies on tables of one's own wait for nobody", async () => {
                const one = await database.connect();
                const other = await database.connect();
                try {
                    await other.query("create table public.own ()");
                    await one.query("begin");
                    await one.query("create policy one on storage.objects for select using (true)");
                    await other.query("set lock_timeout = '100ms'");
                    await other.query("create policy other on public.own for select using (auth.uid() is not null)");
                    await other.query("drop table public.own");
                } finally {
                    await one.end();
                    await other.end();
                }
            });
        });

        it("the organization's tables belong to postgres and are fenced by membership, without recursion", async () => {
            const tables = await database.rows(`
                select relname, relowner::regrole::text as owner, relrowsecurity from pg_class
                where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`);
            const common = { owner: "postgres", relrowsecurity: true };
            assert.deepEqual(tables, [
                { relname: "model_registry", ...common },
                { relname: "organization_members", ...common },
                { relname: "organizations", ...common },
                { relname: "profiles", ...common },
                { relname: "simulation_runs", ...common },
            ]);
            const seen = async (user: string) =>
                await database.asPostgres(async client => {
                    await client.query("select set_config('request.jwt.claims', $1, true)", [
                        JSON.stringify({ sub: user }),
                    ]);
                    await client.query("set local role authenticated");
                    const { rows } = await client.query(`
                        select (select count(*)::int from public.organizations) as organizations,
                            (select count(*)::int from public.organization_members) as memberships,
                            (select count(*)::int from public.model_registry) as models,
                            (select count(*)::int from public.simulation_runs) as runs,
                            (select count(*)::int from public.profiles) as profiles`);
                    return rows[0];
                });
            assert.deepEqual(await seen(ada), { organizations: 1, memberships: 1, models: 2, runs: 4, profiles: 1 });
            assert.deepEqual(await seen(edsger), { organizations: 0, memberships: 1, models: 0, runs: 0, profiles: 1 });
        });

        it("simulation_runs is bare: what the plan takes for granted", async () => {
            assert.deepEqual(await database.rows(columnsOfRuns), [
                { name: "id", type: "uuid", required: true },
                { name: "org_id", type: "uuid", required: true },
                { name: "created_at", type: "timestamp with time zone", required: true },
                { name: "name", type: "text", required: true },
            ]);
        });
    });

    describe(`the closed and extended baseline on PostgreSQL ${major}`, function () {
        this.timeout(30_000);
        const database = clusterOf({ major, shape: { defaultPrivileges: "closed", simulationRuns: "extended" } });

        it("what postgres makes in public is born without the rights to use it, except what the revoke forgets", async () => {
            await database.asPostgres(async client => {
                await client.query("create table public.fresh (id bigint generated always as identity)");
                await client.query("create function public.fresh() returns int language sql return 1");
                const { rows } = await client.query(`
                    select has_table_privilege('anon', 'public.fresh', 'select, insert, update, delete') as "table",
                        has_table_privilege('anon', 'public.fresh', 'truncate') as truncate,
                        has_sequence_privilege('anon', 'public.fresh_id_seq', 'usage, select') as sequence,
                        has_sequence_privilege('anon', 'public.fresh_id_seq', 'update') as setval,
                        has_function_privilege('anon', 'public.fresh()', 'execute') as function`);
                assert.deepEqual(rows, [
                    { table: false, truncate: true, sequence: false, setval: true, function: true },
                ]);
            });
        });

        it("the organization's tables are usable all the same", async () => {
            const [rights] = await database.rows(`
                select has_table_privilege('authenticated', 'public.simulation_runs', 'select') as authenticated,
                    has_table_privilege('anon', 'public.simulation_runs', 'select') as anon`);
            assert.deepEqual(rights, { authenticated: true, anon: false });
        });

        it("simulation_runs has some of the plan's columns already, with every state and with nothing", async () => {
            assert.deepEqual(
                (await database.rows(columnsOfRuns)).map(column => column.name),
                ["id", "org_id", "created_at", "name", "status", "started_at", "updated_at"],
            );
            const states = await database.rows(
                "select status, count(started_at)::int as started, count(*)::int as runs from public.simulation_runs group by 1 order by 1",
            );
            assert.deepEqual(states, [
                { status: "cancelled", started: 1, runs: 1 },
                { status: "completed", started: 3, runs: 3 },
                { status: "failed", started: 1, runs: 1 },
                { status: "running", started: 1, runs: 1 },
                { status: null, started: 1, runs: 6 },
            ]);
        });
    });
}

const columnsOfRuns = `
    select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as required
    from pg_attribute where attrelid = 'public.simulation_runs'::regclass and attnum > 0 order by attnum`;
