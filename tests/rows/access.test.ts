import assert from "node:assert/strict";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

/** Whoever comes through the API, and everybody. */
const strangers = ["anon", "authenticated", "service_role", "public"];

/** Privileges of any kind on a table. */
const privileges = "select, insert, update, delete, truncate, references, trigger";

for (const [major, defaultPrivileges, given] of [
    [15, "open", ""],
    [17, "closed", ""],
    // As generous as a project can be.
    [
        17,
        "open",
        "alter default privileges for role postgres grant all on tables to public, anon, authenticated, service_role; alter default privileges for role postgres grant all on schemas to public, anon, authenticated, service_role",
    ],
] as const) {
    const kind = given ? "privileges on everything that will ever be" : `${defaultPrivileges} default privileges`;
    describe(`who may read the archive (PostgreSQL ${major}, ${kind})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major, shape: { defaultPrivileges } });
            project = await sqlProject(cluster, { "0001_items": {} });
            // The project's database is a new one: Supabase's default privileges belong to the database postgres.
            if (!given && defaultPrivileges === "open") {
                await project.client.query(
                    "alter default privileges in schema public grant all on tables to postgres, anon, authenticated, service_role",
                );
            }
            await project.client.query(given || "select");
            await project.must("migrate up");
            await project.client.query("insert into public.items values (1)");
            await project.must("migrate down");
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });
        it("nobody has a privilege on it or on what is in it", async () => {
            const { rows } = await project.admin.query(
                `select c.oid::regclass::text as table, x.grantee::regrole::text
                 from pg_class as c cross join lateral aclexplode(c.relacl) as x
                 where c.relnamespace in ('simulation_db'::regnamespace, 'simulation_db_archive'::regnamespace) and x.grantee <> c.relowner
                 union all
                 select nspname, x.grantee::regrole::text from pg_namespace cross join lateral aclexplode(nspacl) as x
                 where nspname ~ '^simulation_db' and x.grantee <> nspowner`,
            );
            assert.deepEqual(rows, []);
        });

        for (const stranger of strangers) {
            it(`${stranger} cannot look into it`, async () => {
                const { rows } = await project.admin.query(
                    `select c.oid::regclass::text as name, has_schema_privilege($1, c.relnamespace, 'usage, create') as reaches,
                            has_table_privilege($1, c.oid, '${privileges}') as touches
                     from pg_class as c where c.relnamespace = 'simulation_db_archive'::regnamespace and c.relkind = 'r'`,
                    [stranger],
                );
                assert.equal(rows.length, 1);
                assert.deepEqual(rows[0], { name: rows[0].name, reaches: false, touches: false });
                if (stranger === "public") return;
                await project.admin.query(`begin; set local role ${stranger}`);
                await assert.rejects(project.admin.query(`select from ${rows[0].name}`), { code: "42501" });
                await project.admin.query("rollback");
            });
        }
    });
}
