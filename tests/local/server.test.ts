import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { BaselineShape } from "../../local/baseline.ts";
import { processGone, processIdentity } from "../../local/processIdentity.ts";
import { runtimeHome } from "../../local/runtimeHome.ts";
import { type LocalServer, startLocal, stopLocal } from "../../local/server.ts";
import { startStorageDaemon, stopStorageDaemon } from "../../local/storageDaemon.ts";
import { until } from "../support/until.ts";

const shape: BaselineShape = { defaultPrivileges: "open", simulationRuns: "bare" };

describe("the embedded default of npm start", function () {
    this.timeout(60_000);
    let root: string;
    let said: string[] = [];
    const say = (line: string) => said.push(line);
    const start = (more: Partial<BaselineShape> = {}) =>
        startLocal({ root, major: 15, shape: { ...shape, ...more }, say });
    const inside = (...names: string[]) => join(root, ".local", ...names);

    before(async () => {
        root = await mkdtemp(join(tmpdir(), "simulation db root "));
        await chmod(root, 0o755);
        await start();
    });

    beforeEach(() => {
        said = [];
    });

    after(async () => {
        await stopLocal(root, say);
        await rm(root, { recursive: true, force: true });
    });

    it("is found running by the next start, which says where", async () => {
        const one = await start();
        const other = await start();
        assert.deepEqual(one, other);
        assert.match(said.at(-2) ?? "", new RegExp(`^PostgreSQL 15\\.\\d+ listens on 127\\.0\\.0\\.1:${one.port}$`));
        assert.equal(said.at(-1), `Storage answers on ${one.storageUrl}`);
        assert.deepEqual(await ask(one, "select current_user, count(*)::int as runs from public.simulation_runs"), [
            { current_user: "postgres", runs: 12 },
        ]);
        assert.equal(await storageStatus(one), 200);
    });

    it("keeps its ports and its data from one start to the next", async () => {
        const one = await start();
        await ask(one, "create table public.kept (); comment on table public.kept is 'here'");
        await stopLocal(root, say);
        await assert.rejects(ask(one, "select 1"), { code: "ECONNREFUSED" });
        await assert.rejects(storageStatus(one));
        assert.deepEqual(await start(), one);
        assert.deepEqual(await ask(one, "select obj_description('public.kept'::regclass) as word"), [{ word: "here" }]);
    });

    it("is one of each when two start it at once", async () => {
        await stopLocal(root, say);
        const [one, other] = await Promise.all([start(), start()]);
        assert.deepEqual(one, other);
        assert.equal(said.filter(line => line.startsWith("Making")).length, 0);
    });

    it("is whole again after kill -9 of both", async () => {
        const one = await start();
        await kill9(await postmasterPid(inside("postgres", "15", "data")));
        await kill9((await daemon()).pid);
        const again = await start();
        assert.equal(again.port, one.port);
        assert.equal(again.storageUrl, one.storageUrl);
        assert.equal(await storageStatus(again), 200);
    });

    it("knows the Storage endpoint that an older version wrote down, without the folder", async () => {
        const one = await start();
        const { folder: _, ...older } = await daemon();
        await writeFile(inside("storage", "daemon.json"), JSON.stringify(older));
        assert.deepEqual(await start(), one);
        assert.equal((await daemon()).pid, older.pid);
        await stopLocal(root, say);
        assert.equal(processIdentity(older.pid), undefined);
    });

    it("knows a Storage endpoint that does not answer yet, when the start that waited for it was ended", async () => {
        const place = await mkdtemp(join(tmpdir(), "simulation-db-begun-"));
        const secretsFile = join(place, "secrets.json");
        // The endpoint waits for its secrets for as long as nobody writes into this.
        execFileSync("mkfifo", [secretsFile]);
        const options = { folder: place, filesDir: join(place, "files-15"), secretsFile, database: {} };
        const script = `
            import { startStorageDaemon } from ${JSON.stringify(join(import.meta.dirname, "../../local/storageDaemon.ts"))};
            await startStorageDaemon(${JSON.stringify(options)});`;
        const starting = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
        const ended = new Promise(done => starting.once("exit", done));
        try {
            // For the start itself.
            await writeFile(secretsFile, "{}");
            const file = join(place, "daemon.json");
            const known = async () => JSON.parse(await readFile(file, "utf8").catch(() => "{}")).pid !== undefined;
            await until("it is written down", known);
            starting.kill("SIGINT");
            await ended;
            assert.equal(await stopStorageDaemon(place), true);
        } finally {
            // One that is not ended ends the endpoint when it gives up.
            await ended;
            await rm(place, { recursive: true, force: true });
        }
    });

    it("leaves a process alone that has the number of a dead Storage endpoint", async () => {
        await start();
        const kept = await daemon();
        await kill9(kept.pid);
        const stranger = spawn("sleep", ["60"], { stdio: "ignore" });
        try {
            await writeFile(inside("storage", "daemon.json"), JSON.stringify({ ...kept, pid: stranger.pid }));
            assert.equal(await storageStatus(await start()), 200);
            await stopLocal(root, say);
            assert.equal(stranger.exitCode ?? stranger.signalCode, null);
        } finally {
            stranger.kill();
        }
    });

    it("replaces a Storage endpoint that lives and does not answer", async () => {
        const one = await start();
        const { pid } = await daemon();
        process.kill(pid, "SIGSTOP");
        const again = start();
        // It cannot heed the request to end while it is stopped; it is killed in the end.
        assert.equal(await storageStatus(await again), 200);
        assert.equal(processIdentity(pid), undefined);
        assert.equal((await again).storageUrl, one.storageUrl);
    });

    it("leaves the Storage endpoint of another checkout alone, of which this one is a copy, and ends that of a moved one", async () => {
        const one = await start();
        const copy = await mkdtemp(join(tmpdir(), "simulation-db-copy-"));
        const [copied, moved] = [join(copy, "storage"), join(copy, "moved")];
        await cp(inside("storage"), copied, { recursive: true });
        try {
            assert.equal(await stopStorageDaemon(copied), false);
            const second = await startStorageDaemon({
                folder: copied,
                filesDir: join(copied, "files-15"),
                secretsFile: inside("secrets.json"),
                database: {},
            });
            assert.notEqual(second.url, one.storageUrl);
            assert.equal(await storageStatus(one), 200);
            await rename(copied, moved);
            // Whoever moves a checkout may leave a link where it was.
            await symlink(moved, copied);
            assert.equal(await stopStorageDaemon(moved), true);
            assert.equal(await storageStatus(one), 200);
        } finally {
            await stopStorageDaemon(copied);
            await stopStorageDaemon(moved);
            await rm(copy, { recursive: true, force: true });
        }
    });

    it("moves to other ports when its own were taken meanwhile, and stays there", async () => {
        const one = await start();
        await stopLocal(root, say);
        const taken = [await occupy(one.port), await occupy(Number(new URL(one.storageUrl).port))];
        let moved: LocalServer;
        try {
            moved = await start();
            assert.notEqual(moved.port, one.port);
            assert.notEqual(moved.storageUrl, one.storageUrl);
            assert.equal(await storageStatus(moved), 200);
        } finally {
            for (const server of taken) server.close();
        }
        await stopLocal(root, say);
        assert.deepEqual(await start(), moved);
    });

    it("throws away data that a killed first start left half made", async () => {
        await stopLocal(root, say);
        await rm(inside("postgres", "15", "made.json"));
        said = [];
        const again = await start();
        assert.match(said[0] ?? "", /^Making the embedded database: PostgreSQL 15\.\d+ in \.local\/postgres\/15$/);
        assert.deepEqual(await ask(again, "select to_regclass('public.kept') as kept"), [{ kept: null }]);
    });

    it("refuses data of another shape, and names the ways out", async () => {
        await assert.rejects(start({ defaultPrivileges: "closed" }), {
            name: "UserError",
            message:
                'The embedded database was made with simulation-db:embeddedDefaultPrivileges "open", and the stack now says "closed".',
        });
        await assert.rejects(start({ simulationRuns: "extended" }), {
            name: "UserError",
            next: [
                'Set it back to "bare", or',
                `make the database anew: \`npm run stop\`, remove ${inside("postgres", "15")} and .local/pulumi/state, \`npm start\`.`,
            ],
        });
    });

    it("refuses secrets that were made anew for old data, and damaged ones", async () => {
        const one = await start();
        const file = inside("secrets.json");
        const before = await readFile(file, "utf8");
        await rm(file);
        try {
            await assert.rejects(start(), /does not take the password/);
            await writeFile(file, "{}");
            await assert.rejects(start(), {
                name: "UserError",
                next: [
                    "Bring back the one that the embedded database was made with, or",
                    "make the database anew: `npm run stop`, remove it, .local/postgres and .local/pulumi/state, `npm start`.",
                ],
            });
        } finally {
            await writeFile(file, before, { mode: 0o600 });
        }
        assert.deepEqual(await start(), one);
    });

    it("keeps its secrets from other accounts, from the list of processes and from its logs", async () => {
        const { password, jwtSecret } = await start();
        const { mode } = await stat(inside("secrets.json"));
        assert.equal(mode & 0o777, 0o600);
        const places = [inside("storage", "storage.log"), inside("postgres", "15", "server.log")];
        if (process.platform === "linux") {
            places.push(`/proc/${(await daemon()).pid}/cmdline`);
            places.push(`/proc/${await postmasterPid(inside("postgres", "15", "data"))}/cmdline`);
        }
        for (const place of places) {
            const text = await readFile(place, "utf8");
            assert(!text.includes(password) && !text.includes(jwtSecret), place);
        }
    });

    it("leaves no process when it is stopped, and stopping again says nothing", async () => {
        await start();
        const pids = [await postmasterPid(inside("postgres", "15", "data")), (await daemon()).pid];
        await stopLocal(root, say);
        for (const pid of pids) assert.equal(processIdentity(pid), undefined);
        assert.deepEqual(said.slice(-2), ["Storage stopped", "PostgreSQL 15 stopped"]);
        said = [];
        await stopLocal(root, say);
        assert.deepEqual(said, []);
        assert.deepEqual(
            (await readdir(inside())).filter(name => name.includes(".lock")),
            [],
        );
    });

    it("works from a folder that PostgreSQL's account cannot enter", async function () {
        if (process.getuid?.() !== 0) this.skip();
        const closed = await mkdtemp(join(tmpdir(), "simulation-db-closed-"));
        const deep = join(closed, "project");
        await mkdir(deep);
        const home = await runtimeHome(deep);
        assert(home.startsWith("/var/tmp/simulation-db-"));
        try {
            const server = await startLocal({ root: deep, major: 15, shape, say });
            assert.equal(said[0], `PostgreSQL's account cannot use ${deep}, so its files are in ${home}/postgres/15`);
            assert.deepEqual(await ask(server, "select 1 as one"), [{ one: 1 }]);
        } finally {
            await stopLocal(deep, say);
            await rm(home, { recursive: true, force: true });
            await rm(closed, { recursive: true, force: true });
        }
    });

    it("is made under a umask that leaves others nothing, and where an earlier start left closed folders", async function () {
        if (process.getuid?.() !== 0) this.skip();
        const other = await mkdtemp(join(tmpdir(), "simulation-db-umask-"));
        await chmod(other, 0o755);
        await mkdir(join(other, ".local"), { mode: 0o755 });
        await mkdir(join(other, ".local", "postgres"), { mode: 0o700 });
        const umask = process.umask(0o077);
        try {
            const server = await startLocal({ root: other, major: 15, shape, say });
            assert.match(said[0] ?? "", / in \.local\/postgres\/15$/);
            assert.deepEqual(await ask(server, "select 1 as one"), [{ one: 1 }]);
        } finally {
            process.umask(umask);
            await stopLocal(other, say);
            await rm(other, { recursive: true, force: true });
        }
    });

    async function daemon(): Promise<{ pid: number; folder: string }> {
        return JSON.parse(await readFile(inside("storage", "daemon.json"), "utf8"));
    }
});

async function ask(server: LocalServer, sql: string): Promise<unknown[]> {
    const { host, port, user, database, password } = server;
    const client = new pg.Client({ host, port, user, database, password });
    await client.connect();
    try {
        return (await client.query(sql)).rows;
    } finally {
        await client.end();
    }
}

async function storageStatus(server: LocalServer): Promise<number> {
    const response = await fetch(`${server.storageUrl}/storage/v1/bucket`, {
        headers: {
            authorization: `Bearer ${server.serviceRoleKey}`,
            apikey: server.serviceRoleKey,
            connection: "close",
        },
    });
    await response.body?.cancel();
    return response.status;
}

async function postmasterPid(dataDir: string): Promise<number> {
    return Number((await readFile(join(dataDir, "postmaster.pid"), "utf8")).split("\n")[0]);
}

async function kill9(pid: number): Promise<void> {
    const identity = processIdentity(pid) ?? "";
    process.kill(pid, "SIGKILL");
    assert(await processGone(pid, identity, 10_000));
}

async function occupy(port: number): Promise<Server> {
    const server = createServer();
    await new Promise<void>((done, fail) => {
        server.once("error", fail);
        server.listen(port, "127.0.0.1", done);
    });
    return server;
}
