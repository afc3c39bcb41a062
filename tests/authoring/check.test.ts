import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { assertFitsSchema } from "../report/schema.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type Texts, writeMigration } from "../support/sqlFolder.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";

const root = dirname(dirname(import.meta.dirname));

const sound: Texts = {
    up: "-- Keeps notes.\ncreate schema notes;\ncomment on schema notes is 'Notes.';\n",
    down: "-- Loses nothing.\ndrop schema notes;\n",
    verify: "-- The schema is there.\nselect 'notes'::regnamespace;\n",
};
const dropping: Texts = {
    up: "-- Drops the name of organizations.\nalter table public.organizations drop column name;\n",
    down: "-- The names are lost.\nalter table public.organizations add column name text;\n",
    verify: "-- Looks at nothing.\nselect 1;\n",
};

describe("npm run check:sql", function () {
    this.timeout(600_000);
    let folder: string;
    beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), "simulation-db-check-"));
        await mkdir(join(folder, "sql"));
    });
    afterEach(() => rm(folder, { recursive: true, force: true }));

    const have = (name: string, texts: Texts) => writeMigration(join(folder, "sql"), name, texts);

    function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
        const child = spawn(process.execPath, [join(root, "authoring/main.ts"), "check:sql", ...args], {
            cwd: folder,
            env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
            stdio: ["ignore", "pipe", "pipe"],
        });
        let printed = "";
        child.stdout.setEncoding("utf8").on("data", (part: string) => (printed += part));
        child.stderr.setEncoding("utf8").on("data", (part: string) => (printed += part));
        const ended = new Promise<number | null>(resolve => void child.once("close", resolve));
        return { child, ended, printed: () => printed };
    }

    /** What went where. */
    async function outputs({ child, ended }: ReturnType<typeof start>) {
        const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
        return { code, stdout, stderr };
    }

    async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
        const { ended, printed } = start(args);
        return { code: await ended, output: printed() };
    }

    const on = (major: 15 | 17) => ({
        SIMULATION_DB_CHECK_SETTINGS: JSON.stringify({
            major,
            shape: { defaultPrivileges: "open", simulationRuns: "bare" },
            review: {
                gates: "default",
                maxLockMs: 2000,
                exposedSchemas: [],
                requireVerified: false,
                drift: "warn",
            },
        }),
    });

    it("takes a migration that takes the timeouts off for applied, unless it is named or git has another up.sql of it", async () => {
        const old = { ...sound, up: `${sound.up}set lock_timeout = 0;\n` };
        await have("0001_notes", old);
        const git = (...args: string[]) =>
            execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: folder });
        git("init", "--quiet");
        git("add", "sql");
        git("commit", "--quiet", "--message", "Take it off");
        const newest = await run();
        assert.equal(newest.code, 0, newest.output);
        await have("0001_notes", { ...old, down: `${old.down}select 1;\n` });
        const mended = await run();
        assert.equal(mended.code, 0, mended.output);
        assert.match(mended.output, /not as in/);
        const taken = /sql\/0001_notes\/up\.sql:4: without a lock_timeout others may wait/;
        await have("0001_notes", { ...old, up: `${old.up}select 1;\n` });
        for (const args of [[], ["0001"]]) {
            const { code, output } = await run(...args);
            assert.equal(code, 1);
            assert.match(output, taken);
        }
    });

    for (const major of [15, 17] as const) {
        it(`lets a sound migration pass, and stops one that loses data or would not run, on PostgreSQL ${major}`, async () => {
            const check = async () => {
                const { ended, printed } = start([], on(major));
                return { code: await ended, output: printed() };
            };
            await have("0001_notes", sound);
            const good = await check();
            assert.equal(good.code, 0, good.output);
            assert.match(
                good.output,
                new RegExp(`0001_notes: nothing stops it \\(tried on PostgreSQL ${major} without rows`),
            );
            assert.match(good.output, /back: down restores the catalog exactly/);

            await have("0002_drop", dropping);
            const losing = await check();
            assert.equal(losing.code, 1);
            assert.match(losing.output, /STOP destructive {2}public\.organizations\.name: goes with its values/);
            assert.match(losing.output, /STOP irreversible/);

            await have("0002_drop", {
                ...dropping,
                up: "-- Drops it.\n\nalter table public.organizations\n    drop column nom;\n",
            });
            const refused = await check();
            assert.equal(refused.code, 1);
            assert.match(refused.output, /PostgreSQL refuses it: column "nom"\s+of relation/);
            assert.match(refused.output, /\[migration-fails, sql\/0002_drop\/up\.sql:3\]/);
        });
    }

    it("names what breaks a convention by file and line, and is stopped by it", async () => {
        await have("0001_notes", { ...sound, down: "-- Loses nothing.\ndrop schema if exists notes;\n" });
        const { code, output } = await run();
        assert.equal(code, 1);
        assert.match(output, /^sql\/0001_notes\/down\.sql:2: "if exists"/m);
        assert.match(output, /STOPPED by 1 finding /);
    });

    it("passes what the migration says a reason for", async () => {
        await have("0001_drop", {
            ...dropping,
            up: `-- allow-destructive: nobody reads it\n-- irreversible: it is gone\n${dropping.up}`,
            down: "-- There is no way back.\n",
        });
        const { code, output } = await run();
        assert.equal(code, 0, output);
        assert.match(output, /allowed: nobody reads it/);
    });

    it("refuses two migrations of one number before it starts anything", async () => {
        await have("0001_notes", sound);
        await have("0001_drop", dropping);
        const { code, output } = await run();
        assert.equal(code, 1);
        assert.match(output, /version 0001 stands twice/);
    });

    it("checks those that git has in another form, those that are named, and else the newest", async () => {
        const git = (...args: string[]) =>
            execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", ...args], { cwd: folder });
        await have("0001_notes", sound);
        await have("0002_more", {
            ...sound,
            up: sound.up.replaceAll("schema notes", "schema more"),
            down: "-- Nothing.\ndrop schema more;\n",
        });
        git("init", "--quiet");
        git("add", ".");
        git("commit", "--quiet", "--message", "first");
        assert.match((await run()).output, /^checking 0002_more \(the newest: none is changed\)/m);
        assert.match((await run("notes")).output, /^checking 0001_notes \(named\)/m);
        await have("0001_notes", { ...sound, verify: "-- It is there.\nselect 'notes'::regnamespace;\n" });
        assert.match((await run()).output, /^checking 0001_notes \(not as in the last commit\)/m);
    });

    it("checks all of a pull request, also where origin has branches and no HEAD, as after a checkout in GitHub Actions", async () => {
        const git = (...args: string[]) =>
            execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", ...args], { cwd: folder });
        const commit = async (name: string) => {
            const up = `-- Keeps ${name}.\ncreate schema ${name.slice(5)};\n`;
            await have(name, { ...sound, up, down: `-- Loses nothing.\ndrop schema ${name.slice(5)};\n` });
            git("add", ".");
            git("commit", "--quiet", "--message", name);
        };
        git("init", "--quiet");
        for (const [name, branch] of [
            ["0001_notes", "main"],
            ["0002_more", "release"],
            ["0003_most", undefined],
        ] as const) {
            await commit(name);
            if (branch) git("update-ref", `refs/remotes/origin/${branch}`, "HEAD");
        }
        assert.match((await run()).output, /^checking 0002_more, 0003_most \(not as in origin\/main\)/m);
        const inRelease = start([], { GITHUB_BASE_REF: "release" });
        await inRelease.ended;
        assert.match(inRelease.printed(), /^checking 0003_most \(not as in origin\/release\)/m);
        git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/release");
        assert.match((await run()).output, /^checking 0003_most \(not as in origin\/HEAD\)/m);
    });

    it("ends in a pipeline whose checkout lacks the branch that it is merged into, unless a migration is named", async () => {
        await have("0001_notes", sound);
        const git = (...args: string[]) =>
            execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", ...args], { cwd: folder });
        const pipeline = async (...args: string[]) => {
            const { ended, printed } = start(args, { CI: "true" });
            return { code: await ended, output: printed() };
        };
        git("init", "--quiet");
        git("add", ".");
        git("commit", "--quiet", "--message", "notes");
        const { code, output } = await pipeline();
        assert.equal(code, 1);
        assert.equal(
            output,
            "nothing says which branch this is merged into, so nobody knows which migrations are new.\n" +
                "  → check out the whole history, and: git fetch origin main:refs/remotes/origin/main\n" +
                "  → where it is another branch, fetch that, and name it: GITHUB_BASE_REF=BRANCH\n",
        );
        assert.match((await pipeline("0001")).output, /^checking 0001_notes \(named\)/m);
        git("update-ref", "refs/remotes/origin/main", "HEAD");
        assert.match((await pipeline()).output, /^checking 0001_notes \(the newest: none is changed\)/m);
    });

    it("is stopped by what runs before, though nobody asked for it, when that fails: then nothing was tried", async () => {
        await have("0001_notes", sound);
        await have("0002_broken", { ...sound, up: "-- Keeps notes.\ncreate schema notes;\n" });
        await have("0003_more", {
            ...sound,
            up: "-- Keeps more.\ncreate schema more;\n",
            down: "-- Loses nothing.\ndrop schema more;\n",
        });
        const { code, output } = await run("0001", "0003");
        assert.equal(code, 1, output);
        assert.match(output, /^pending: 0002_broken: STOPPED by 1 finding/m);
        assert.match(output, /\[migration-fails, sql\/0002_broken\/up\.sql:2\]/);
        const verdict = output.slice(output.indexOf("0001_notes, 0003_more:")).replaceAll(/\s+/g, " ");
        assert.match(
            verdict,
            /^0001_notes, 0003_more: STOPPED by 1 finding \(tried on PostgreSQL 15 without rows, but not 0003_more/,
        );
    });

    it("prints all of it as JSON for programs", async () => {
        await have("0001_drop", dropping);
        const { ended, printed } = start(["--json", "0001"]);
        assert.equal(await ended, 1);
        const { report, stops } = JSON.parse(printed().slice(printed().indexOf("\n{")));
        const codes = report.pending[0].findings.map(({ code }: { code: string }) => code);
        assert.ok(codes.includes("column-lost"), codes.join());
        assert.ok(stops >= 2);
    });

    it("prints it also when there is no migration at all", async () => {
        const { code, stdout, stderr } = await outputs(start(["--json"]));
        assert.equal(code, 0, stderr);
        const { stops, breaches, report } = JSON.parse(stdout);
        assert.deepEqual([stops, breaches, report.pending, report.rollbacks], [0, {}, [], []]);
        assertFitsSchema(JSON.stringify(report));
    });

    it("checks again at each save with --watch, and goes on after a mistake", async () => {
        await have("0001_notes", sound);
        const { child, ended, printed } = start(["--watch"]);
        const waiting = async (times: number) => {
            const isSo = () => printed().split("waiting for a change").length > times;
            await until(`check ${times}`, isSo, 120_000).catch(cause => {
                throw new Error(printed(), { cause });
            });
        };
        try {
            await waiting(1);
            await have("0001_notes", { ...sound, up: "create schem notes;\n" });
            await waiting(2);
            assert.match(printed(), /syntax error/);
            await have("0001_notes", { ...sound, up: sound.up.replaceAll("notes", "diary") });
            await waiting(3);
            assert.match(printed(), /PostgreSQL refuses it/);
        } finally {
            child.kill("SIGINT");
            await ended;
        }
    });

    describe("with a target", () => {
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major: 15 });
            project = await sqlProject(cluster);
        });
        after(async () => {
            await project.remove();
            await cluster.stop();
        });

        it("checks what is pending there with the sizes of its tables, and changes nothing", async () => {
            await project.client.query("create table public.runs (id bigint, note text)");
            await project.client.query("insert into public.runs select n, 'x' from generate_series(1, 1000) as n");
            await project.client.query("analyze public.runs");
            await have("0001_drop", {
                ...dropping,
                up: "-- Drops the notes.\nalter table public.runs drop column note;\n",
                down: "-- The notes are lost.\nalter table public.runs add column note text;\n",
            });
            const { ended, printed } = start(["--target"], project.environment);
            assert.equal(await ended, 1);
            assert.match(printed(), /public\.runs\.note: goes with its values \(about 1000\s+rows/);
            const { rows } = await project.client.query("select to_regnamespace('simulation_db') as ledger");
            assert.equal(rows[0].ledger, null);
        });

        it("prints for programs, too, that nothing is pending there", async () => {
            const nothing = "no migration is pending: there is nothing to check\n";
            const plain = await outputs(start(["--target"], project.environment));
            assert.deepEqual(plain, { code: 0, stdout: "", stderr: nothing });
            const { code, stdout, stderr } = await outputs(start(["--target", "--json"], project.environment));
            assert.deepEqual([code, stderr], [0, nothing]);
            const { stops, breaches, report } = JSON.parse(stdout);
            assert.deepEqual([stops, breaches, report.pending, report.rollbacks], [0, {}, [], []]);
            assertFitsSchema(JSON.stringify(report));
        });
    });
});
