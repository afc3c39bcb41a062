import assert from "node:assert/strict";
import { open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readContent } from "../../runner/backup/content.ts";
import type { Manifest } from "../../runner/backup/manifest.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { installedTools } from "./installedTools.ts";

describe("backup verify", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    let id: string;
    before(async function () {
        if (!(await installedTools(15))) this.skip();
        cluster = await testCluster({ major: 15 });
    });
    after(() => cluster?.stop());
    beforeEach(async () => {
        project = await sqlProject(cluster, { "0001_first": {} });
        await project.must("migrate up");
        await project.client.query(manyKinds);
    });
    afterEach(async () => {
        const left = await scratchDatabases();
        await project?.remove();
        assert.deepEqual(left, []);
    });

    const path = (...names: string[]) => join(project.folder, ".local/backups", id, ...names);

    async function backup(): Promise<Manifest> {
        await project.must("backup create");
        id = (await readdir(join(project.folder, ".local/backups"))).filter(name => name.endsWith("Z")).at(-1) ?? "";
        return JSON.parse(await readFile(path("manifest.json"), "utf8")) as Manifest;
    }

    async function scratchDatabases(): Promise<string[]> {
        const { rows } = await project.admin.query(
            "select datname from pg_database where datname like 'simulation\\_db\\_verify\\_%' order by 1",
        );
        return rows.map(({ datname }) => datname);
    }

    it("restores every kind of table and value, and finds them equal, row by row", async () => {
        const { tables } = await backup();
        const { stdout, stderr } = await project.must("backup verify");
        const rows = tables.reduce((sum, table) => sum + table.rows, 0);
        const good = `backup ${id} is good: ${tables.length} tables with ${rows} rows were restored and are equal by checksum\n`;
        assert.equal(stdout, good);
        assert.equal(stderr, "");
        const names = tables.filter(({ rows }) => rows > 0).map(({ table }) => table);
        for (const table of ["public.kinds", "public.leaf", "public.child", 'public."Quo""ted"', "public.empty_rows"]) {
            assert.ok(names.includes(table), table);
        }
    });

    it("takes the one that is named, or else the newest", async () => {
        await backup();
        const first = id;
        await project.client.query("insert into public.first values (1)");
        await backup();
        assert.match((await project.must(`backup verify ${first}`)).stdout, new RegExp(`^backup ${first} is good`));
        assert.match((await project.must("backup verify")).stdout, new RegExp(`^backup ${id} is good`));
        const unknown = await project.run("backup verify nothing");
        assert.equal(unknown.code, 1);
        assert.ok(
            unknown.stderr.includes(`there is no backup nothing in .local/backups.\n  → there are: ${first}, ${id}`),
        );
    });

    it("a file that was changed, cut off or lost is noticed before anything is restored", async () => {
        const manifest = await backup();
        const file = await open(path("rows.dump"), "r+");
        await file.write(Buffer.from([0xff]), 0, 1, manifest.rows.bytes - 40);
        await file.close();
        const changed = await project.run("backup verify");
        assert.equal(changed.code, 1);
        assert.match(
            changed.stderr,
            /rows\.dump is not as it was made: \d+ bytes instead of \d+, or another content \(sha256/,
        );

        await writeFile(path("rows.dump"), (await readFile(path("rows.dump"))).subarray(0, 100));
        assert.match((await project.run("backup verify")).stderr, /is not as it was made: 100 bytes instead of/);

        await rm(path("rows.dump"));
        assert.match((await project.run("backup verify")).stderr, /rows\.dump is missing: the backup .* is not whole/);

        await writeFile(path("manifest.json"), "{");
        assert.match((await project.run("backup verify")).stderr, /manifest\.json is no manifest of a backup/);
    });

    it("a table that does not hold what the manifest says is named, with both counts or as different", async () => {
        const manifest = await backup();
        const wrong = manifest.tables.map(entry => {
            if (entry.table === "public.kinds") return { ...entry, rows: entry.rows + 1 };
            if (entry.table === "public.leaf") return { ...entry, checksum: "17" };
            return entry;
        });
        const lost = { table: "public.lost", rows: 3, checksum: null };
        await writeFile(path("manifest.json"), JSON.stringify({ ...manifest, tables: [...wrong, lost] }));
        const { code, stderr } = await project.run("backup verify");
        assert.equal(code, 1);
        assert.match(stderr, /^the backup \S+ does not hold what its manifest says:$/m);
        assert.match(stderr, /^ {2}public\.kinds: 3 rows were restored, 4 are in the manifest$/m);
        assert.match(stderr, /^ {2}public\.leaf: the rows differ \(checksum -?\d+, 17\)$/m);
        assert.match(stderr, /^ {2}public\.lost: relation "public\.lost" does not exist$/m);
    });

    it("a large table is compared by its count alone, which is said", async () => {
        const large = await readContent(project.client, { table: "public.kinds", bytes: 2 ** 40 });
        assert.deepEqual(large, { table: "public.kinds", rows: 3, checksum: null });
        const manifest = await backup();
        const tables = manifest.tables.map(entry => (entry.table === large.table ? large : entry));
        await writeFile(path("manifest.json"), JSON.stringify({ ...manifest, tables }));
        assert.match((await project.must("backup verify")).stdout, /are equal by checksum, 1 by count alone$/m);
    });

    it("what cannot be restored there is said, and is no reason to fail when the rows are equal", async () => {
        await project.admin.query(`
            create schema auth;
            create table auth.users (id int primary key);
            insert into auth.users values (1);
            create table public.owned (id int references auth.users (id));
            insert into public.owned values (1);
            create table public.guarded (id int);
            create role verify_gone;
            create policy gone on public.guarded to verify_gone using (true);
            alter table public.owned owner to postgres; alter table public.guarded owner to postgres`);
        await backup();
        await project.admin.query("drop policy gone on public.guarded; drop role verify_gone");
        const { stdout, stderr } = await project.must("backup verify");
        assert.match(stdout, /is good/);
        assert.match(
            stderr,
            /^not restored there: CREATE POLICY gone ON public\.guarded .*: role "verify_gone" does not exist$/m,
        );
        assert.match(stderr, /^not restored there: 1 foreign keys into auth, whose rows are not in the backup$/m);
    });

    it("a table that this server cannot have is told apart from what the backup does not hold", async () => {
        await project.admin.query(`
            create schema extensions;
            grant usage on schema extensions to postgres;
            create extension citext schema extensions`);
        await project.client.query("create table public.mails (address extensions.citext)");
        const manifest = await backup();
        // As on a server without it: the definitions of the other schemas are not restored.
        await writeFile(path("manifest.json"), JSON.stringify({ ...manifest, wholeSchema: { refused: "not here" } }));
        const { code, stderr } = await project.run("backup verify");
        assert.equal(code, 1);
        assert.match(
            stderr,
            new RegExp(
                `^the backup \\S+ is not verified: ${manifest.tables.length - 1} tables are equal, and these could not`,
                "m",
            ),
        );
        assert.match(
            stderr,
            /^ {2}CREATE TABLE public\.mails \( address extensions\.citext \): schema "extensions" does not exist$/m,
        );
        assert.match(stderr, /→ name a server in VERIFY_PGHOST that has what is missing/);
        assert.doesNotMatch(stderr, /does not hold/);
    });

    it("never restores into the server that the backup is of, though it answers on this machine, as through a tunnel", async () => {
        const real = await testCluster({ major: 15, settings: { cluster_name: "theirs" } });
        const there = await sqlProject(real, { "0001_first": {} });
        try {
            await there.must("migrate up");
            await there.must("backup create", { env: { SIMULATION_DB_STACK: "simulation-db/prod" } });
            const { PGHOST, PGPORT, PGUSER, PGPASSWORD } = there.environment;
            const named = {
                VERIFY_PGHOST: PGHOST,
                VERIFY_PGPORT: PGPORT,
                VERIFY_PGUSER: PGUSER,
                VERIFY_PGPASSWORD: PGPASSWORD,
            };
            for (const env of [{}, named]) {
                const { code, stderr } = await there.run("backup verify", { env });
                assert.equal(code, 1);
                assert.match(stderr, /^the server to restore into is the one that the backup is of/);
            }
            assert.doesNotMatch(await real.log(), /create database simulation_db_verify/i);
        } finally {
            await there.remove();
            await real.stop();
        }
    });

    it("never restores into a real project, nor anywhere it was not told", async () => {
        await backup();
        const refused = async (env: Record<string, string | undefined>, said: RegExp) => {
            const { code, stderr } = await project.run("backup verify", { env });
            assert.equal(code, 1);
            assert.match(stderr, said);
        };
        await refused({ PGHOST: "db.example.com" }, /^there is no server to restore into/);
        await refused({ PGHOST: undefined }, /^there is no server to restore into/);
        await refused(
            { VERIFY_PGHOST: "db.abc.supabase.co" },
            /^VERIFY_PGHOST is db\.abc\.supabase\.co, a real project/,
        );
        await refused(
            { VERIFY_PGHOST: "aws-0-eu-1.pooler.supabase.com" },
            /a real project: a backup is never restored/,
        );
        await refused({ VERIFY_PGPORT: "5432" }, /^VERIFY_PGHOST is not set/);
    });

    it("the project's password is not sent to the server that VERIFY_PGHOST names", async () => {
        await backup();
        const { code, stderr } = await project.run("backup verify", {
            env: { VERIFY_PGHOST: "127.0.0.1", VERIFY_PGPORT: project.environment.PGPORT, HOME: project.folder },
        });
        assert.equal(code, 1);
        assert.match(stderr, /asks for a password, and none is given/);
    });

    it("a backup of PostgreSQL 15 is good on a server of 17 that VERIFY_PGHOST names, as its own login", async () => {
        await backup();
        const other = await testCluster({ major: 17 });
        try {
            const { PGHOST, PGPORT, PGUSER, PGPASSWORD } = other.environment;
            const { stdout } = await project.must("backup verify", {
                env: {
                    PGHOST: "db.example.com",
                    VERIFY_PGHOST: PGHOST,
                    VERIFY_PGPORT: PGPORT,
                    VERIFY_PGUSER: PGUSER,
                    VERIFY_PGPASSWORD: PGPASSWORD,
                },
            });
            assert.match(stdout, /is good/);
        } finally {
            await other.stop();
        }
    });

    it("a login that may not make databases, and an older server, are refused in words", async () => {
        const manifest = await backup();
        await project.admin.query("create role verify_plain login password 'plain'");
        try {
            const plain = { PGUSER: "verify_plain", PGPASSWORD: "plain" };
            const { stderr } = await project.run("backup verify", { env: plain });
            assert.match(stderr, /^verify_plain may not create a database on that server/);
        } finally {
            await project.admin.query("drop role verify_plain");
        }
        await writeFile(path("manifest.json"), JSON.stringify({ ...manifest, serverMajor: 16 }));
        const { stderr } = await project.run("backup verify");
        assert.match(stderr, /^the server to restore into is PostgreSQL 15, the backup is of 16\./);
    });

    it("a verification that is killed leaves its database to the next one, which leaves those that may be at work", async () => {
        await project.client.query(
            "create table public.large as select n, md5(n::text) as text from generate_series(1, 300000) as n",
        );
        await backup();
        const run = project.start("backup verify");
        await until("it restores", async () => (await scratchDatabases()).length > 0);
        await run.kill9();
        const [left = ""] = await scratchDatabases();
        assert.match(left, /^simulation_db_verify_\d{17}_\d+$/);
        // As if it had been killed years ago.
        const old = "simulation_db_verify_20200101000000000_1";
        await until("the orphaned pg_restore is gone", async () => {
            const { rows } = await project.admin.query("select from pg_stat_activity where datname = $1", [left]);
            return rows.length === 0;
        });
        await project.admin.query(`alter database ${left} rename to ${old}`);
        const young = left.replace(/\d+$/, "1");
        await project.client.query(`create database ${young}`);
        try {
            await project.must("backup verify");
            assert.deepEqual(await scratchDatabases(), [young]);
        } finally {
            await project.client.query(`drop database ${young}`);
        }
    });

    it("a backup keeps its size small: definitions and rows are compressed", async () => {
        await project.client.query(
            "create table public.large as select repeat('x', 1000) as text from generate_series(1, 10000)",
        );
        await backup();
        assert.ok((await stat(path("rows.dump"))).size < 1_000_000);
    });
});

/** Tables of every kind, with values whose text depends on settings. */
const manyKinds = `
    create type public.mood as enum ('sad', 'glad');
    create table public.kinds (
        id      int generated always as identity primary key,
        twice   int generated always as (number * 2) stored,
        number  int,
        exact   numeric, real real, double double precision,
        moment  timestamptz, day date, clock timetz, span interval,
        bytes   bytea, json jsonb, texts text[], mood public.mood, range int4range, xml xml, money money, regclass regclass
    );
    insert into public.kinds (number, exact, real, double, moment, day, clock, span, bytes, json, texts, mood, range, xml, money, regclass)
    values
        (1, 1.10, 0.1, 1e-300, '2026-03-29 02:30+01', '0044-03-15 BC', '12:00+05:45', '1 year 2 mons -3 days 04:05:06.7',
         '\\x00ff', '{"b": [1, null], "a": "ä"}', array['a,b', null, '"', '\\'], 'glad', '[1,5)', '<a>ü</a>', 12.34, 'pg_class'),
        (2, 'NaN', 'NaN', 'Infinity', 'infinity', '-infinity', null, 'P0D', '', 'null', '{}', 'sad', 'empty', null, null, 'public.kinds'),
        (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
    create table public.parted (key int, text text) partition by range (key);
    create table public.leaf partition of public.parted for values from (0) to (10);
    insert into public.parted select n, 'leaf ' || n from generate_series(0, 9) as n;
    create table public.parent (a int);
    insert into public.parent values (1), (1), (1);
    create table public.child (b int) inherits (public.parent);
    insert into public.child values (2, 3), (2, 3);
    create table public."Quo""ted" (counted text, "select" text);
    insert into public."Quo""ted" values ('Größe 🐘', null);
    create table public.empty_rows ();
    insert into public.empty_rows default values;
    insert into public.empty_rows default values;
    create unlogged table public.hasty as select 1 as one;
    create view public.looked as select * from public.kinds;
    create materialized view public.kept as select count(*) from public.kinds`;
