import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { byPersons, driftOf } from "../../preview/drift/drift.ts";
import { readSnapshot } from "../../preview/drift/snapshot.ts";
import { lookAt } from "../../preview/look/look.ts";
import { sqlFolder } from "../sql/own.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject, type Trio } from "../support/sqlProject.ts";

const plan = {
    "0001_runs": {
        up: "create table public.runs (id int primary key);",
        down: "drop table public.runs;",
        verify: "select 'public.runs'::regclass;",
    },
    "0002_name": {
        up: "alter table public.runs add column name text;",
        down: "alter table public.runs drop column name;",
        verify: "select name from public.runs;",
    },
    "0003_read": {
        up: "grant select on public.runs to service_role; alter table public.runs enable row level security;",
        down: "alter table public.runs disable row level security; revoke select on public.runs from service_role;",
        verify: "select 1;",
    },
};

describe("adopting a database that other means changed", () => {
    let cluster: TestCluster;
    let done: SqlProject;
    let byHand: SqlProject;
    let reference: string;

    before(async () => {
        cluster = await testCluster({ major: 15, shape: { defaultPrivileges: "closed" } });
        done = await sqlProject(cluster, plan);
        await done.must("migrate up");
        reference = (await done.must("reference")).stdout;
    });
    after(async () => {
        await done?.remove();
        await cluster?.stop();
    });
    beforeEach(async () => {
        byHand = await sqlProject(cluster, plan);
    });
    afterEach(async () => await byHand.remove());

    it("takes over as many migrations as the catalog agrees with, and runs none of their statements", async () => {
        await byHand.client.query(
            `${plan["0001_runs"].up} ${plan["0002_name"].up} insert into public.runs values (1, 'x')`,
        );
        const { stdout } = await byHand.must("adopt", { stdin: reference });
        assert.match(stdout, /0002_name adopted/);
        assert.deepEqual(await byHand.applied(), ["0001", "0002"]);
        assert.deepEqual(await byHand.history(), ["adopt 0001", "adopt 0002"]);
        const { stdout: status } = await byHand.must("status");
        assert.match(status, /^applied +0002_name +\S+Z by postgres taken over by adopt$/m);

        await byHand.must("migrate up");
        await byHand.must("migrate down --to 0001");
        const { rows } = await byHand.client.query("select * from public.runs");
        assert.deepEqual(rows, [{ id: 1 }], "what was adopted is rolled back like what was applied");
    });

    it("leaves no drift behind, and names what is none of the migrations'", async () => {
        await byHand.must("migrate up --to 0001");
        await byHand.client.query(`${plan["0002_name"].up} create table public.theirs ()`);
        const { stderr } = await byHand.must("adopt", { stdin: reference });
        const named = stderr.match(/^ {2}\S.*$/gm)?.map(line => line.trim()) ?? [];
        assert.match(stderr, /^from now on this is no drift; /m);
        assert.ok(named.includes("table public.theirs"));
        assert.deepEqual(
            named.filter(key => !key.includes("public.theirs")),
            [],
        );
        assert.deepEqual(
            byPersons(driftOf(await lookAt(byHand.environment), await readSnapshot(byHand.environment))),
            [],
        );
    });

    describe("a migration whose down goes by what its up found", () => {
        const name = "0002_default_privileges";
        const open = "alter default privileges for role postgres in schema public grant usage on sequences to anon";
        let ours: Record<string, Trio>;
        let elsewhere: string;
        before(async () => {
            const read = (part: string) => readFile(join(sqlFolder, name, `${part}.sql`), "utf8");
            const [up, down, verify] = await Promise.all([read("up"), read("down"), read("verify")]);
            const { "0001_runs": first, "0003_read": last } = plan;
            ours = { "0001_runs": first, [name]: { up, down, verify }, "0003_read": last };
            const other = await sqlProject(cluster, ours);
            await other.client.query(open);
            await other.must("migrate up");
            elsewhere = (await other.must("reference")).stdout;
            await other.remove();
        });
        beforeEach(async () => {
            await byHand.write(ours);
            const ups = Object.values(ours).map(({ up = "" }) => up);
            await byHand.client.query(ups.join(";"));
        });

        const defaults = async () => {
            const { rows } = await byHand.client.query(
                "select defaclacl::text from pg_default_acl where defaclacl::text like '%anon%'",
            );
            return rows;
        };

        it("is not taken before a person has said what that was here, and gives nobody what was theirs elsewhere", async () => {
            const { code, stdout, stderr } = await byHand.run("adopt", { stdin: elsewhere });
            assert.equal(code, 1);
            assert.match(stdout, /^1 adopted$/m);
            assert.match(
                stderr,
                /^0002_default_privileges and what comes after it is not adopted: its down goes by what/m,
            );
            assert.match(stderr, /^ {2}0002_default_privileges found \[\{.*"role":"anon"/m);
            assert.match(stderr, /^ {2}→ .* with --same-found 0002$/m);
            assert.deepEqual(await byHand.applied(), ["0001"]);

            const builtIn = {
                schema: null,
                objects: "functions",
                role: "public",
                privilege: "EXECUTE",
                grantable: false,
            };
            await byHand.must(`repair applied 0002 --reason=x --found=${JSON.stringify([builtIn])}`);
            await byHand.must("adopt", { stdin: elsewhere });
            assert.deepEqual(await byHand.applied(), ["0001", "0002", "0003"]);
            await byHand.must("migrate down --to 0000");
            assert.deepEqual(await defaults(), []);
        });

        it("is taken where it found the same", async () => {
            await byHand.must("adopt --same-found 0002", { stdin: elsewhere });
            assert.deepEqual(await byHand.applied(), ["0001", "0002", "0003"]);
            await byHand.must("migrate down --to 0000");
            assert.equal((await defaults()).length, 1);
        });
    });

    it("of one that was interrupted it is the end; another one that was has to end first", async () => {
        const { up, down, verify } = plan["0001_runs"];
        const interrupted = (version: string) =>
            byHand.client.query(
                `insert into simulation_db.unfinished (version, slug, direction, up_sql, down_sql, verify_sql)
                 values ($1, 'name', 'up', $2, $3, $4)`,
                [version, up, down, verify],
            );
        await byHand.must("migrate up --to 0001");
        await byHand.client.query(plan["0002_name"].up);
        await interrupted("0003");
        const { code, stderr } = await byHand.run("adopt", { stdin: reference });
        assert.equal(code, 1);
        assert.match(stderr, /0003_name was interrupted on its way up; it has to end first/);
        await byHand.client.query("delete from simulation_db.unfinished");
        await interrupted("0002");
        await byHand.must("adopt", { stdin: reference });
        await byHand.must("migrate up");
        assert.deepEqual(await byHand.applied(), ["0001", "0002", "0003"]);
    });

    it("says what it needs when something else is handed to it", async () => {
        for (const stdin of ["", "none", "null", "{}", JSON.stringify({ format: 2, migrations: [] })]) {
            const { code, output } = await byHand.run("adopt", { stdin });
            assert.equal(code, 1);
            assert.match(output, /^what came on stdin is no reference of a database: .+\n {2}→ print one where/);
        }
    });

    it("names what differs, and adopts nothing then", async () => {
        await byHand.client.query("create table public.runs (id bigint primary key)");
        const { code, stderr } = await byHand.run("adopt", { stdin: reference });
        assert.equal(code, 1);
        assert.match(
            stderr,
            /different: column public\.runs\.id\n\s+expected integer not null\n\s+found {4}bigint not null/,
        );
        assert.deepEqual(await byHand.applied(), []);
    });

    it("does nothing on a database without any of it but say what is missing", async () => {
        const { code, stderr } = await byHand.run("adopt", { stdin: reference });
        assert.equal(code, 1);
        assert.match(stderr, /missing: table public\.runs/);
    });

    it("refuses a yardstick from another major version", async () => {
        const other = JSON.stringify({ ...JSON.parse(reference), major: 17 });
        const { code, stderr } = await byHand.run("adopt", { stdin: other });
        assert.equal(code, 1);
        assert.match(stderr, /comes from PostgreSQL 17, this server is 15/);
    });

    it("leaves a migration alone whose text is another one in the folder", async () => {
        await byHand.client.query(plan["0001_runs"].up + plan["0002_name"].up);
        await byHand.write({
            ...plan,
            "0002_name": { ...plan["0002_name"], up: "alter table public.runs add column label text;" },
        });
        const { code, stderr } = await byHand.run("adopt", { stdin: reference });
        assert.equal(code, 1);
        assert.match(stderr, /^nothing can be adopted\. Nearest is the state after 0001_runs, /);
        assert.deepEqual(await byHand.applied(), []);
    });
});
