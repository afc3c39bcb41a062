import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Manifest } from "../../runner/backup/manifest.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { installedTools } from "./installedTools.ts";

const folder = ".local/backups";

/** What the stack would say on stdin. */
const settings = (mode: "required" | "optional" | "off", more: object = {}) => ({
    stdin: JSON.stringify({ settings: { mode, folder, keep: 10, ...more } }),
});

describe("backup create (PostgreSQL 15)", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    before(async function () {
        if (!(await installedTools(15))) this.skip();
        cluster = await testCluster({ major: 15 });
    });
    after(() => cluster?.stop());
    beforeEach(async () => {
        project = await sqlProject(cluster, { "0001_first": {} });
        await project.must("migrate up");
        await project.client.query("insert into public.first select generate_series(1, 100)");
    });
    afterEach(() => project?.remove());

    const place = (...names: string[]) => join(project.folder, folder, ...names);
    const backups = async () => (await readdir(place()).catch(() => [])).filter(name => name !== ".gitignore").sort();
    const manifestOf = async (id: string) => JSON.parse(await readFile(place(id, "manifest.json"), "utf8")) as Manifest;

    it("one line says id, path, rows and size; only the owner may read what was made, and git leaves it", async () => {
        const { stdout } = await project.must("backup create --stdin", settings("required"));
        const [, id = "", path, rows] =
            /^backup (\S+) in (\S+): (\d+) rows, .* on \d+\/project_\w+\n$/.exec(stdout) ?? [];
        assert.equal(path, `${folder}/${id}`, stdout);
        assert.deepEqual(await backups(), [id]);
        assert.ok(Number(rows) > 100, rows);
        assert.deepEqual((await readdir(place(id))).sort(), ["manifest.json", "rows.dump", "schema.dump"]);
        assert.equal((await stat(place())).mode & 0o777, 0o700);
        assert.equal((await stat(place(id))).mode & 0o777, 0o700);
        for (const name of await readdir(place(id)))
            assert.equal((await stat(place(id, name))).mode & 0o777, 0o600, name);
        assert.equal(await readFile(place(".gitignore"), "utf8"), "*\n");
    });

    it("the manifest says of which database, when, by what, how large, and what each table holds", async () => {
        await project.client.query(`create table public."Odd ""name" (a int, "simulation_db" text)`);
        await project.client.query("create schema simulation_private; create table simulation_private.t (a int)");
        await project.must("backup create --stdin", {
            ...settings("required"),
            env: { SIMULATION_DB_STACK: "p/prod" },
        });
        const manifest = await manifestOf((await backups())[0] ?? "");
        const { rows: server } = await project.client.query(
            `select system_identifier || '/' || current_database() as database, current_setting('server_version') as version
             from pg_control_system()`,
        );
        assert.equal(manifest.database, server[0].database);
        assert.equal(manifest.serverVersion, server[0].version);
        assert.equal(manifest.stack, "p/prod");
        assert.equal(manifest.newestMigration, "0001");
        assert.match(manifest.pgDumpVersion, /^\d+\.\d+/);
        assert.ok(Math.abs(Date.now() - Date.parse(manifest.at)) < 60_000, manifest.at);
        assert.deepEqual(manifest.schemas, [
            "public",
            "simulation_db",
            "simulation_db_archive",
            "simulation_private",
            "supabase_migrations",
        ]);
        for (const file of [manifest.rows, manifest.wholeSchema]) {
            assert.ok("sha256" in file);
            const bytes = await readFile(place(manifest.id, file.name));
            assert.equal(file.bytes, bytes.length);
            assert.equal(file.sha256, createHash("sha256").update(bytes).digest("hex"));
        }
        const contents = new Map(manifest.tables.map(({ table, ...content }) => [table, content]));
        assert.equal(contents.get("public.first")?.rows, 100);
        assert.match(contents.get("public.first")?.checksum ?? "", /^-?\d+$/);
        assert.deepEqual(contents.get('public."Odd ""name"'), { rows: 0, checksum: "0" });
        assert.equal(contents.get("simulation_private.t")?.rows, 0);
        assert.equal(contents.get("simulation_db.migration")?.rows, 1);
    });

    it("what is counted is what is dumped, whoever writes meanwhile", async () => {
        await project.client.query("create table public.busy (id bigserial primary key, text text)");
        await project.client.query(
            "insert into public.busy (text) select md5(n::text) from generate_series(1, 200000) as n",
        );
        const writer = await project.connect();
        let writing = true;
        const written = (async () => {
            while (writing) await writer.query("insert into public.busy (text) select md5(random()::text)");
        })();
        await project.must("backup create --stdin", settings("required"));
        writing = false;
        await written;

        const manifest = await manifestOf((await backups())[0] ?? "");
        const counted = manifest.tables.find(({ table }) => table === "public.busy")?.rows ?? 0;
        const { rows } = await project.client.query("select count(*)::int as count from public.busy");
        assert.ok(counted > 200_000 && counted < rows[0].count, `${counted} of ${rows[0].count}`);
        await project.must("backup verify");
    });

    it("a login that may not dump the other schemas is told so, and the storage policies are kept all the same", async () => {
        await project.admin.query(`
            create role backup_limited login password 'limited';
            grant create on database ${project.database} to backup_limited;
            grant select on all tables in schema public to backup_limited;
            create schema hidden; create table hidden.t (a int);
            create schema storage; create table storage.objects (bucket_id text);
            create policy readers on storage.objects for select to postgres using (bucket_id = 'runs');
            drop schema simulation_db, simulation_db_archive, supabase_migrations cascade`);
        try {
            const { stderr } = await project.must("backup create --stdin", {
                ...settings("required"),
                env: { PGUSER: "backup_limited", PGPASSWORD: "limited" },
            });
            assert.match(stderr, /the backup holds no definitions of the other schemas: permission denied for \w+ \w+/);
            const id = (await backups())[0] ?? "";
            const manifest = await manifestOf(id);
            assert.ok("refused" in manifest.wholeSchema);
            assert.deepEqual((await readdir(place(id))).sort(), ["manifest.json", "rows.dump"]);
            assert.deepEqual(manifest.storagePolicies, [
                "create policy readers on storage.objects as permissive for select to postgres using ((bucket_id = 'runs'::text));",
            ]);
        } finally {
            await project.admin.query("drop owned by backup_limited cascade; drop role backup_limited");
        }
    });

    it("the oldest go when there are more than are kept, whole; another database's stay", async () => {
        const other = await sqlProject(cluster, {});
        try {
            const elsewhere = { stdin: JSON.stringify({ settings: { mode: "required", folder: place(), keep: 1 } }) };
            await other.must("backup create --stdin", elsewhere);
            const [theirs] = await backups();
            const made: string[] = [];
            for (let count = 0; count < 4; count += 1) {
                const { stdout } = await project.must("backup create --stdin", settings("required", { keep: 2 }));
                made.push(/^backup (\S+) in/.exec(stdout)?.[1] ?? "");
            }
            assert.deepEqual(await backups(), [theirs, ...made.slice(2)].sort());
            for (const id of made.slice(2)) assert.equal((await readdir(place(id))).length, 3);

            const last = await project.must("backup create --stdin", settings("required", { keep: 0 }));
            const newest = /^backup (\S+) in/.exec(last.stdout)?.[1] ?? "";
            assert.deepEqual(await backups(), [theirs, newest].sort(), "the newest is never removed");
        } finally {
            await other.remove();
        }
    });

    it("a run that is killed while it waits for a lock leaves nothing under a final name, and the next one cleans up", async () => {
        const blocker = await project.connect();
        // Only pg_dump looks at a table that has no rows of its own.
        await blocker.query("create table public.parted (a int) partition by list (a)");
        await blocker.query("begin; lock table only public.parted in access exclusive mode");
        const run = project.start("backup create --stdin", settings("required"));
        await until("pg_dump waits for the lock", async () => {
            const { rows } = await project.admin.query(
                `select from pg_stat_activity where datname = $1 and application_name = 'simulation-db backup' and wait_event_type = 'Lock'`,
                [project.database],
            );
            return rows.length > 0;
        });
        await run.kill9();
        const [left] = await backups();
        assert.match(left ?? "", /\.part$/);

        await blocker.query("rollback");
        await until("the orphaned pg_dump is gone", async () => {
            const { rows } = await project.admin.query(
                "select from pg_stat_activity where datname = $1 and application_name = 'simulation-db backup'",
                [project.database],
            );
            return rows.length === 0;
        });
        assert.deepEqual(await backups(), [left], "it did not finish the file by itself");
        await mkdir(place("another_database-12345678-20260101T000000000Z.part"));
        await project.must("backup create --stdin", settings("required"));
        const [theirs, ours, ...more] = await backups();
        assert.equal(theirs, "another_database-12345678-20260101T000000000Z.part", "it may be at work");
        assert.match(ours ?? "", /^project_.*Z$/);
        assert.deepEqual(more, []);
    });

    it("a run that is killed while it writes leaves nothing under a final name either", async () => {
        await project.client.query(
            "create table public.large as select n, md5(n::text) || md5((n + 1)::text) as text from generate_series(1, 400000) as n",
        );
        const run = project.start("backup create --stdin", settings("required"));
        await until("a megabyte is written", async () => {
            const [part = ""] = await backups();
            const { size } = await stat(place(part, "rows.dump")).catch(() => ({ size: 0 }));
            return size > 1_000_000;
        });
        await run.kill9();
        const left = await backups();
        assert.match(left.join(), /^project_\S+Z\.part$/);
        assert.deepEqual(await readdir(place(left[0] ?? "")), ["rows.dump"]);
        const { stdout } = await project.must("backup list");
        assert.match(stdout, /^no backup in/);
        await project.must("backup create --stdin", settings("required"));
        assert.match((await backups()).join(), /^project_\S+Z$/);
    });

    it("asks for the space before anything is written", async function () {
        if (process.platform !== "linux") this.skip();
        // A file system that never has any.
        const { code, stderr } = await project.run("backup create --folder /sys");
        assert.equal(code, 1, stderr);
        assert.match(stderr, /^not enough space for a backup in \/sys: up to [\d.]+ MB are needed, 0 \w+ are free\.$/m);
    });

    it("a disk that fills up is said, and leaves nothing", async () => {
        await project.client.query(
            "create table public.large as select n, md5(n::text) as text from generate_series(1, 50000) as n",
        );
        const { code, stderr } = await runWithSmallFiles(project, settings("required").stdin);
        assert.equal(code, 1, stderr);
        assert.match(stderr, /the backup could not be written: EFBIG/);
        assert.deepEqual(await backups(), []);
    });

    for (const [kind, said] of [
        ["a table", /^the backup could not be made: somebody kept a table locked for too long\.\n  → see who: select/],
        ["a partitioned table", /^pg_dump failed: .*canceling statement due to statement timeout/],
    ] as const) {
        it(`${kind} that somebody has locked is waited for in bounds`, async () => {
            const blocker = await project.connect();
            const partition = kind === "a table" ? "" : "partition by list (a)";
            await blocker.query(`create table public.locked (a int) ${partition}`);
            await blocker.query("begin; lock table only public.locked in access exclusive mode");
            const { code, stderr } = await project.run("backup create --stdin", {
                ...settings("required"),
                env: { SIMULATION_DB_RETRY_FOR_MS: "500" },
            });
            assert.equal(code, 1);
            assert.match(stderr, said);
            assert.doesNotMatch(stderr, /^\s+at /m);
            assert.deepEqual(await backups(), []);
        });
    }

    it("a required backup that fails ends the run; an optional one is one line of warning; off tries nothing", async () => {
        const env = { SIMULATION_DB_POSTGRES_BIN: project.folder };
        const required = await project.run("backup create --stdin", { ...settings("required"), env });
        assert.equal(required.code, 1);
        assert.match(required.stderr, /^pg_dump is not installed in .*; the server is PostgreSQL 15\.\n  → install/);
        assert.equal(required.stdout, "");

        const optional = await project.must("backup create --stdin", { ...settings("optional"), env });
        assert.match(optional.stdout, /^warning: no backup: pg_dump is not installed in .* on \d+\/project_\w+\n$/);
        assert.equal(optional.stderr, "");

        const off = await project.must("backup create --stdin", { ...settings("off"), env });
        assert.match(off.stdout, /^no backup \(backup: off\) on /);
        assert.deepEqual(await backups(), []);
    });

    it("a folder that cannot be made is said in words", async () => {
        await writeFile(join(project.folder, "file"), "");
        const { code, stderr } = await project.run("backup create --folder file/backups");
        assert.equal(code, 1);
        assert.match(stderr, /^the backup could not be written: ENOTDIR .*file\/backups/);
    });

    it("the password is in no argument and no output, also when it is wrong or pg_dump fails", async () => {
        const bin = join(project.folder, "bin");
        await mkdir(bin);
        for (const tool of ["pg_dump", "pg_restore"]) {
            const script = `#!/bin/sh\ncase $1 in --version) echo "${tool} (PostgreSQL) 15.0";; *) echo "${tool} was given: $*" >&2; exit 1;; esac\n`;
            await writeFile(join(bin, tool), script);
            await chmod(join(bin, tool), 0o755);
        }
        const password = project.environment.PGPASSWORD ?? "";
        const failed = await project.run("backup create --stdin", {
            ...settings("required"),
            env: { SIMULATION_DB_POSTGRES_BIN: bin },
        });
        assert.equal(failed.code, 1);
        assert.match(failed.stderr, /pg_dump failed: pg_dump was given: --format=custom --no-password /);
        assert.ok(!failed.output.includes(password), failed.output);

        const wrong = await project.run("backup create --stdin", {
            ...settings("required"),
            env: { PGPASSWORD: "not-the-password" },
        });
        assert.equal(wrong.code, 1);
        assert.match(wrong.stderr, /refuses the login of postgres/);
        assert.ok(!wrong.output.includes("not-the-password"), wrong.output);
        assert.deepEqual(await backups(), []);
    });

    it("the list fits a terminal and has JSON for programs", async () => {
        const none = await project.must("backup list");
        assert.equal(none.stdout, `no backup in ${folder}\n`);
        await project.must("backup create");
        const { stdout } = await project.must("backup list");
        const [head = "", line = ""] = stdout.split("\n");
        assert.match(head, /^BACKUP +MIGRATION +ROWS +SIZE$/);
        assert.match(line, /^project_\S+Z +0001 +\d+ +[\d.]+ kB$/);
        assert.ok(line.length <= 80, line);
        const json = JSON.parse((await project.must("backup list --json")).stdout) as Manifest[];
        assert.deepEqual(
            json.map(({ id }) => id),
            await backups(),
        );
    });
});

describe("backup create (PostgreSQL 17)", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    before(async () => {
        cluster = await testCluster({ major: 17 });
        project = await sqlProject(cluster, { "0001_first": {} });
    });
    after(async () => {
        await project?.remove();
        await cluster?.stop();
    });

    it("tools older than the server are an error where the stack requires a backup, and a warning where not", async function () {
        const old = await installedTools(1);
        // This machine's own, where they are old enough.
        if (!old || old.major >= 17) this.skip();
        const env = { SIMULATION_DB_POSTGRES_BIN: join(old.pgDump, "..") };
        const said = new RegExp(`pg_dump is version ${old.major}, older than the server's 17: it refuses to dump it`);
        const required = await project.run("backup create --stdin", { ...settings("required"), env });
        assert.equal(required.code, 1);
        assert.match(required.stderr, said);
        const optional = await project.must("backup create --stdin", { ...settings("optional"), env });
        assert.match(optional.stdout, new RegExp(`^warning: no backup: ${said.source}\\. on `));
    });

    it("it is made where the tools are new enough", async function () {
        if (!(await installedTools(17))) this.skip();
        await project.must("backup create");
        await project.must("backup verify");
    });
});

/** Runs `backup create --stdin` where no file may grow larger than 64 blocks: as a disk that fills up. */
async function runWithSmallFiles(project: SqlProject, stdin: string): Promise<{ code: number | null; stderr: string }> {
    const main = join(dirname(dirname(import.meta.dirname)), "runner/main.ts");
    const limited = `ulimit -f 64; exec "$0" "$1" backup create --stdin`;
    const child = spawn("sh", ["-c", limited, process.execPath, main], {
        cwd: project.folder,
        env: { ...process.env, ...project.environment, NODE_DISABLE_COMPILE_CACHE: "1" },
        stdio: ["pipe", "ignore", "pipe"],
        timeout: 30_000,
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
    });
    child.stdin.end(stdin);
    return await new Promise(resolve => child.once("close", code => resolve({ code, stderr })));
}
