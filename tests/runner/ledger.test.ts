import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { noPreconditions } from "../support/sqlFolder.ts";
import { type SqlProject, sqlProject, type Trio } from "../support/sqlProject.ts";

/** Takes what is there already for given, and its down leaves that alone. */
const careful: Trio = {
    up: `do $$
declare
    created jsonb := '[]';
begin
    if to_regclass('public.kept') is null then
        create table public.kept (id bigint primary key);
        created := created || '"public.kept"';
    end if;
    create table public.made (id bigint primary key);
    created := created || '"public.made"';
    perform set_config('simulation_db.found', jsonb_build_object('created', created)::text, false);
end $$;`,
    down: `do $$
declare
    name text;
begin
    for name in select jsonb_array_elements_text(current_setting('simulation_db.found')::jsonb -> 'created') loop
        execute format('drop table %s', name);
    end loop;
end $$;`,
    verify: "select from public.kept, public.made;",
};

for (const major of [15, 17] as const) {
    describe(`the ledger (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster, { "0001_first": {} });
        });
        afterEach(() => project?.remove());

        for (const there of [true, false]) {
            it(`what up says it found is what down reads, in another process (${there ? "it was" : "it was not"} there)`, async () => {
                if (there) await project.client.query("create table public.kept (id bigint primary key)");
                await project.write({ "0001_careful": careful, "0002_other": {} });
                await project.must("migrate up");
                const { rows } = await project.admin.query(
                    "select found from simulation_db.migration where version = '0001'",
                );
                assert.deepEqual(rows[0].found, { created: [...(there ? [] : ["public.kept"]), "public.made"] });
                await project.must("migrate down --stdin", { stdin: project.stdin("0002") });
                await project.must("migrate down --stdin", { stdin: project.stdin("0001") });
                const left = await project.client.query(
                    "select to_regclass('public.kept') as kept, to_regclass('public.made') as made",
                );
                assert.deepEqual(left.rows, [{ kept: there ? "kept" : null, made: null }]);
            });
        }

        it("what up says it found is JSON, else it is refused with words", async () => {
            await project.write({
                "0001_first": {
                    up: "create table public.first (); select set_config('simulation_db.found', 'nothing', false);",
                },
            });
            const { code, stderr } = await project.run("migrate up");
            assert.equal(code, 1);
            assert.match(stderr, /simulation_db\.found/);
            assert.doesNotMatch(stderr, /^\s+at .*:\d+/m);
            assert.deepEqual(await project.applied(), []);
        });

        it("its history only grows, and says who, when, for whom and with what", async () => {
            await project.must("migrate up", { env: { SIMULATION_DB_STACK: "staging" } });
            for (const change of [
                "update simulation_db.history set stack = 'x'",
                "delete from simulation_db.history",
                "truncate simulation_db.history",
            ]) {
                await assert.rejects(project.client.query(change), /simulation_db\.history only grows: \w+ is refused/);
                await assert.rejects(project.admin.query(change), /only grows/);
            }
            const { rows } = await project.admin.query("select * from simulation_db.history order by id");
            assert.equal(rows.length, 1);
            const [row] = rows;
            assert.equal(row.action, "up");
            assert.equal(row.version, "0001");
            assert.equal(row.slug, "first");
            assert.equal(row.stack, "staging");
            assert.equal(row.by_role, "postgres");
            assert.match(row.by_program, /^simulation-db migrate up \S+@/);
            assert.match(row.up_hash, /^[0-9a-f]{64}$/);
            assert.ok(Math.abs(Date.now() - row.at) < 600_000);
        });

        it("nobody but its owner reaches it", async () => {
            await project.must("migrate up");
            await project.client.query("insert into public.first values (1)");
            await project.must("migrate down");
            assert.deepEqual(await granted(project), []);
        });

        it("nobody but its owner reaches it where the database grants all that is new to everybody", async () => {
            for (const what of ["usage on schemas", "all on tables", "all on sequences", "all on functions"]) {
                const grant = `grant ${what} to anon, authenticated, service_role, public`;
                await project.client.query(`alter default privileges ${grant}`);
            }
            await project.must("migrate up");
            await project.client.query("insert into public.first values (1)");
            await project.must("migrate down");
            // Without the schema nothing in it is reached.
            const schemas = (await granted(project)).filter(entry => !entry.includes("."));
            assert.deepEqual(schemas, []);
        });

        it("a status of all that happened is printed without a lock and without a password", async () => {
            await project.write({
                "0001_first": { up: "-- The first one.\ncreate table public.first ();" },
                "0002_second": {},
            });
            await project.must("migrate up --to 0001");
            const { stdout } = await project.must("status");
            assert.match(stdout, /^applied +0001_first +\d{4}-.* by postgres in \d+ ms/m);
            assert.match(stdout, /^pending +0002_second/m);
            assert.match(stdout, /1 applied, 1 pending, 0 to roll back/);
        });

        // What follows does not depend on the version of the server.
        if (major === 17) return;

        describe("its claim", () => {
            const as = (stack: string, stdin = noPreconditions) => ({ stdin, env: { SIMULATION_DB_STACK: stack } });

            it("one stack has the database, and another is refused by name until it is given free", async () => {
                const { stdout } = await project.must("ledger claim", as("dev"));
                assert.match(stdout, /^managed by dev on \d+\/project_\w+\n$/);
                await project.must("ledger claim", as("dev"));
                const other = await project.run("ledger claim", as("prod"));
                assert.equal(other.code, 1);
                assert.match(other.stderr, /the stack dev manages this database already; prod cannot/);
                await project.must("ledger release", as("dev"));
                await project.must("ledger claim", as("prod"));
            });

            it("roles that the stack makes after it need not be there, other things must", async () => {
                const query = "select 'role writer' as object, 'is missing' as problem, 'create it' as remedy";
                const refused = await project.run("ledger claim", as("dev", query));
                assert.equal(refused.code, 1);
                assert.match(refused.stderr, /role writer: is missing \(create it\)/);
                assert.equal((await project.run("ledger claim", as("dev", `-- roles: reader\n${query}`))).code, 1);
                await project.must("ledger claim", as("dev", `-- roles: reader, writer\n${query}`));
            });

            it("it is not given free while migrations are applied, and its history stays", async () => {
                await project.must("ledger claim", as("dev"));
                await project.must("migrate up");
                const { code, stderr } = await project.run("ledger release", as("dev"));
                assert.equal(code, 1);
                assert.match(stderr, /migrations are still applied \(0001\)/);
                await project.must("migrate down");
                await project.must("ledger release", as("dev"));
                await project.must("ledger release", as("dev"));
                assert.deepEqual(await project.history(), ["up 0001", "down 0001"]);
            });

            it("a stack that does not have it cannot give it free", async () => {
                await project.must("ledger claim", as("dev"));
                const { output } = await project.run("ledger release", as("prod"));
                assert.match(output, /dev/, "it says whose it is");
                assert.equal((await project.run("ledger claim", as("prod"))).code, 1);
            });
        });

        describe("preconditions", () => {
            const two = `select * from (values
                ('table public.organizations', 'is missing', 'create it'),
                ('role anon', 'is missing', '')) as fault (object, problem, remedy)`;

            it("are listed all at once before the first migration, and nothing is done", async () => {
                await writeFile(join(project.folder, "sql/preconditions.sql"), two);
                for (const [command, stdin] of [
                    ["migrate up", ""],
                    ["ledger claim", two],
                ] as const) {
                    const { code, stderr } = await project.run(command, { stdin });
                    assert.equal(code, 1, command);
                    assert.match(stderr, /not ready for the first migration/);
                    assert.match(stderr, /table public\.organizations: is missing \(create it\)/);
                    assert.match(stderr, /role anon: is missing\n/);
                }
                assert.deepEqual(await project.applied(), []);
                const { rows } = await project.admin.query("select from simulation_db.claim");
                assert.deepEqual(rows, []);
            });

            it("may warn of what stands in nobody's way", async () => {
                const one =
                    "select 'warning: column public.a.b' as object, 'has no default' as problem, 'set one' as remedy";
                await writeFile(join(project.folder, "sql/preconditions.sql"), one);
                await project.must("ledger claim", { stdin: one });
                const { stderr } = await project.must("migrate up");
                assert.match(stderr, /^warning: column public\.a\.b: has no default \(set one\)$/m);
            });

            it("are not asked again once a migration is applied", async () => {
                await project.must("migrate up");
                await project.write({ "0001_first": {}, "0002_second": {} });
                await writeFile(join(project.folder, "sql/preconditions.sql"), two);
                await project.must("migrate up");
                await project.must("ledger claim", { stdin: two });
            });
        });

        describe("another database than the one the stack was applied to", () => {
            const theirs = "1234567890123456789/postgres";

            for (const [name, value] of [
                ["PULUMI_COMMAND_STDOUT", `0001_first applied in 12 ms on ${theirs}\n`],
                ["SIMULATION_DB_IDENTITY", theirs],
            ] as const) {
                it(`is refused, as ${name} tells, before anything is done there`, async () => {
                    for (const command of [
                        "migrate up",
                        "migrate up --stdin",
                        "migrate down --stdin",
                        "migrate record --stdin",
                    ]) {
                        const { code, stderr } = await project.run(command, {
                            stdin: project.stdin("0001"),
                            env: { [name]: value },
                        });
                        assert.equal(code, 1, command);
                        assert.match(stderr, /another database than the one the stack was applied to/);
                        assert.match(stderr, new RegExp(`expected ${theirs}, connected to \\d+/${project.database}`));
                    }
                    const { rows } = await project.admin.query("select to_regnamespace('simulation_db') as ledger");
                    assert.deepEqual(rows, [{ ledger: null }]);
                });
            }

            it("is not seen in what a step on this very database printed", async () => {
                const { stdout } = await project.must("migrate up --stdin", { stdin: project.stdin("0001") });
                const env = { PULUMI_COMMAND_STDOUT: stdout };
                await project.must("migrate down --stdin", { stdin: project.stdin("0001"), env });
            });

            it("may be meant: what the config says goes before what a step printed", async () => {
                const { stdout } = await project.must("migrate up --stdin", { stdin: project.stdin("0001") });
                const [, identity = ""] = / on (\S+)$/m.exec(stdout) ?? [];
                const moved = { PULUMI_COMMAND_STDOUT: `done on ${theirs}`, SIMULATION_DB_IDENTITY: identity };
                await project.must("migrate up --stdin", { stdin: project.stdin("0001"), env: moved });
            });
        });
    });
}

/** Who holds a privilege on the schemas of the runner or on what is in them, besides the owner. */
async function granted({ admin }: SqlProject): Promise<string[]> {
    const { rows } = await admin.query(`
        with ours as (select oid, nspname, nspacl, nspowner from pg_namespace where nspname like 'simulation\\_db%'),
        object (name, acl, owner) as (
            select nspname, nspacl, nspowner from ours
            union all
            select nspname || '.' || relname, relacl, relowner from pg_class join ours on ours.oid = relnamespace
            union all
            select nspname || '.' || proname, coalesce(proacl, acldefault('f', proowner)), proowner
            from pg_proc join ours on ours.oid = pronamespace
        )
        select distinct coalesce(rolname, 'public') || ' on ' || name as entry
        from object, aclexplode(acl) left join pg_roles on pg_roles.oid = grantee
        where grantee <> owner order by 1`);
    return rows.map(({ entry }) => entry);
}
