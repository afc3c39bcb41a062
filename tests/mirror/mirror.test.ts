import assert from "node:assert/strict";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";

/** As the Supabase CLI makes it. */
const cliTable = `
    create schema supabase_migrations;
    create table supabase_migrations.schema_migrations (version text not null primary key);
    alter table supabase_migrations.schema_migrations add column if not exists statements text[];
    alter table supabase_migrations.schema_migrations add column if not exists name text;`;

for (const major of [15, 17] as const) {
    describe(`the mirror in Supabase's own ledger (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster, {
                "0001_first": {
                    up: "-- Makes it.\ncreate table public.first (id int);\ncomment on table public.first is 'a;b';\n",
                },
                "0002_second": {},
            });
        });
        afterEach(() => project?.remove());

        async function mirrored(): Promise<string[]> {
            const { rows } = await project.admin.query(
                "select concat_ws(' ', version, name) as line from supabase_migrations.schema_migrations order by version",
            );
            return rows.map(({ line }) => line);
        }

        it("is made when it is missing, as the Supabase CLI makes it, and holds version, name and statements", async () => {
            await project.must("migrate up");
            const { rows } = await project.admin.query(
                "select * from supabase_migrations.schema_migrations order by version",
            );
            assert.deepEqual(rows, [
                {
                    version: "0001",
                    statements: [
                        "-- Makes it.\ncreate table public.first (id int)",
                        "comment on table public.first is 'a;b'",
                    ],
                    name: "first",
                },
                { version: "0002", statements: ["create table public.second (id bigint primary key)"], name: "second" },
            ]);
            assert.deepEqual(await shape(project), await shapeOfCli(cluster));
        });

        it("loses the row of what is rolled back, and gets it again", async () => {
            await project.must("migrate up");
            await project.must("migrate down");
            assert.deepEqual(await mirrored(), ["0001 first"]);
            await project.must("migrate up");
            assert.deepEqual(await mirrored(), ["0001 first", "0002 second"]);
            await project.must("migrate down --to 0000");
            assert.deepEqual(await mirrored(), []);
        });

        it("holds nothing of a migration that failed", async () => {
            await project.must("migrate up");
            await project.write({
                "0001_first": firstAgain,
                "0002_second": {},
                "0003_third": { verify: "select 1 / 0;" },
            });
            assert.equal((await project.run("migrate up")).code, 1);
            assert.deepEqual(await mirrored(), ["0001 first", "0002 second"]);
            await project.write({ "0001_first": firstAgain, "0002_second": { down: "select 1 / 0;" } });
            await project.must("migrate record --stdin", { stdin: project.stdin("0002") });
            assert.equal((await project.run("migrate down")).code, 1);
            assert.deepEqual(await mirrored(), ["0001 first", "0002 second"]);
        });

        it("holds migrations without a transaction as well", async () => {
            await project.must("migrate up");
            await project.write({
                "0001_first": firstAgain,
                "0002_second": {},
                "0003_index": {
                    up: "-- transaction: none\ncreate index concurrently i on public.first (id);",
                    down: "drop index concurrently public.i;",
                    verify: "select 'public.i'::regclass;",
                },
            });
            await project.must("migrate up");
            assert.deepEqual(await mirrored(), ["0001 first", "0002 second", "0003 index"]);
            await project.must("migrate down");
            assert.deepEqual(await mirrored(), ["0001 first", "0002 second"]);
        });

        it("what other tools wrote stays as it is, and status shows it as foreign", async () => {
            await project.client.query(
                `${cliTable}
                 insert into supabase_migrations.schema_migrations
                 values ('20240102030405', '{select 1}', 'profiles'), ('20230102030405', null, null)`,
            );
            const before = await foreignRows();
            const fresh = await project.must("status");
            assert.match(fresh.stdout, /^foreign +20240102030405_profiles +applied by another tool/m);
            await project.must("migrate up");
            const { stdout } = await project.must("status");
            assert.match(stdout, /^foreign +20230102030405 +applied by another tool; never run, never removed$/m);
            assert.match(stdout, /^foreign +20240102030405_profiles /m);
            assert.doesNotMatch(stdout, /^foreign +000/m);
            assert.match(stdout, /^2 applied, 0 pending, 0 to roll back$/m);
            await project.must("migrate down --to 0000");
            assert.deepEqual(await foreignRows(), before);
        });

        async function foreignRows() {
            const { rows } = await project.admin.query(
                "select * from supabase_migrations.schema_migrations where length(version) = 14 order by version",
            );
            assert.equal(rows.length, 2);
            return rows;
        }

        it("a row of another tool under our version is neither changed nor removed, and a warning says so", async () => {
            await project.client.query(
                `${cliTable} insert into supabase_migrations.schema_migrations values ('0001', '{select 1}', 'theirs')`,
            );
            const { stderr } = await project.must("migrate up");
            assert.match(
                stderr,
                /^warning: 0001_first is not mirrored to supabase_migrations\.schema_migrations: another tool has written a row 0001 there/m,
            );
            assert.deepEqual(await mirrored(), ["0001 theirs", "0002 second"]);
            assert.match((await project.must("status")).stdout, /^foreign +0001_theirs /m);
            await project.must("migrate down --to 0000");
            assert.deepEqual(await mirrored(), ["0001 theirs"]);
        });

        it("the columns that an old Supabase CLI left out are added", async () => {
            await project.client.query(`
                create schema supabase_migrations;
                create table supabase_migrations.schema_migrations (version text not null primary key);
                insert into supabase_migrations.schema_migrations values ('20220102030405')`);
            assert.match((await project.must("status")).stdout, /^foreign +20220102030405 /m);
            await project.must("migrate up");
            assert.deepEqual(await mirrored(), ["0001 first", "0002 second", "20220102030405"]);
        });

        it("columns that the platform adds are left to it", async () => {
            await project.client.query(`
                ${cliTable}
                alter table supabase_migrations.schema_migrations
                    add column created_by text, add column idempotency_key text unique, add column rollback text[]`);
            await project.must("migrate up");
            assert.deepEqual(await mirrored(), ["0001 first", "0002 second"]);
        });

        const obstacles: Readonly<Record<string, { sql: string; said: RegExp }>> = {
            "a login that may not write there": { sql: cliTable, said: /this login may not write there/ },
            "a login that may not even look into the schema": {
                sql: `${cliTable} revoke all on schema supabase_migrations from public`,
                said: /this login may not write there/,
            },
            "a table with policies that would hide its rows": {
                sql: `${cliTable} alter table supabase_migrations.schema_migrations enable row level security;
                      grant usage on schema supabase_migrations to mirror_plain;
                      grant all on supabase_migrations.schema_migrations to mirror_plain`,
                said: /this login may not write there/,
            },
            "a trigger that refuses": {
                sql: `${cliTable}
                      create function supabase_migrations.refuse() returns trigger language plpgsql as $$ begin raise 'no writing on Fridays'; end $$;
                      create trigger refuse before insert on supabase_migrations.schema_migrations for each row execute function supabase_migrations.refuse();
                      grant all on schema supabase_migrations to mirror_plain;
                      grant all on supabase_migrations.schema_migrations to mirror_plain`,
                said: /no writing on Fridays/,
            },
            "a view in the place of the table": {
                sql: `create schema supabase_migrations; create view supabase_migrations.schema_migrations as
                      select ''::text as version, ''::text as name, '{}'::text[] as statements;
                      grant all on schema supabase_migrations to mirror_plain;
                      grant all on supabase_migrations.schema_migrations to mirror_plain`,
                said: /schema_migrations: it is no table/,
            },
        };
        // Privileges are the same on both.
        for (const [title, { sql, said }] of major === 15 ? Object.entries(obstacles) : []) {
            it(`${title} is a warning: the migration is applied and rolled back all the same`, async () => {
                await project.admin.query(`
                    create role mirror_plain login password 'plain';
                    grant create on database ${project.database} to mirror_plain;
                    grant create on schema public to mirror_plain;
                    ${sql}`);
                try {
                    const env = { PGUSER: "mirror_plain", PGPASSWORD: "plain" };
                    const { stderr } = await project.must("migrate up", { env });
                    const warnings = stderr.split("\n").filter(line => line.startsWith("warning: "));
                    assert.equal(warnings.length, 2, stderr);
                    assert.match(warnings[0] ?? "", /^warning: 0001_first is not mirrored to /);
                    assert.match(warnings[0] ?? "", said);
                    assert.deepEqual(await project.applied(), ["0001", "0002"]);
                    await project.must("status", { env });
                    await project.must("migrate down --to 0000", { env });
                    assert.deepEqual(await project.applied(), []);
                } finally {
                    await project.admin.query("drop owned by mirror_plain cascade; drop role mirror_plain");
                }
            });
        }

        it("a right that was taken away since leaves the row, with a warning, and the rollback goes on", async () => {
            await project.must("migrate up");
            await project.admin.query(`
                alter table supabase_migrations.schema_migrations owner to supabase_admin;
                revoke all on supabase_migrations.schema_migrations from postgres`);
            const { stderr } = await project.must("migrate down");
            assert.match(stderr, /^warning: 0002 stays in supabase_migrations\.schema_migrations: this login may not/m);
            assert.deepEqual(await project.applied(), ["0001"]);
            assert.deepEqual(await mirrored(), ["0001 first", "0002 second"]);
        });

        it("a table that is gone stops nothing", async () => {
            await project.must("migrate up");
            await project.admin.query("drop schema supabase_migrations cascade");
            const { stderr } = await project.must("migrate down");
            assert.equal(stderr, "");
            await project.must("migrate up");
            assert.deepEqual(await mirrored(), ["0002 second"]);
        });

        it("another tool that holds the table for a moment is waited for", async () => {
            await project.client.query(cliTable);
            const other = await project.connect();
            await other.query("begin; lock table supabase_migrations.schema_migrations in access exclusive mode");
            const run = project.start("migrate up");
            await until("it has given way", () => Promise.resolve(run.printed().includes("gave way")));
            await other.query("commit");
            const { code, stderr } = await run.outcome;
            assert.equal(code, 0, stderr);
            assert.match(
                stderr,
                /attempt 1 gave way to traffic: PostgreSQL refused a step of the runner itself: supabase_migrations\.schema_migrations: canceling/,
            );
            assert.deepEqual(await mirrored(), ["0001 first", "0002 second"]);
        });

        it("so it is at the end of a rollback without a transaction", async () => {
            await project.write({
                "0001_first": {},
                "0002_index": {
                    up: "-- transaction: none\ncreate index concurrently first_index on public.first (id);",
                    down: "drop index concurrently public.first_index;",
                    verify: "select 1;",
                },
            });
            await project.client.query(cliTable);
            await project.must("migrate up");
            const other = await project.connect();
            await other.query("begin; lock table supabase_migrations.schema_migrations in access exclusive mode");
            const run = project.start("migrate down");
            await until("it has given way", () => Promise.resolve(run.printed().includes("gave way")));
            await other.query("commit");
            const { code, stderr } = await run.outcome;
            assert.equal(code, 0, stderr);
            assert.deepEqual(await mirrored(), ["0001 first"]);
        });
    });
}

const firstAgain = {
    up: "-- Makes it.\ncreate table public.first (id int);\ncomment on table public.first is 'a;b';\n",
};

/** Columns and primary key. */
async function shape({ admin }: SqlProject): Promise<string[]> {
    const { rows } = await admin.query(
        `select concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, indisprimary) as line
         from pg_attribute
         left join pg_index on indrelid = attrelid and attnum = any (indkey)
         where attrelid = 'supabase_migrations.schema_migrations'::regclass and attnum > 0
         order by attnum`,
    );
    return rows.map(({ line }) => line);
}

async function shapeOfCli(cluster: TestCluster): Promise<string[]> {
    const project = await sqlProject(cluster);
    try {
        await project.client.query(cliTable);
        return await shape(project);
    } finally {
        await project.remove();
    }
}
