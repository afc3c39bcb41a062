import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { type Cluster, initCluster, type PostgresMajor, startCluster, stopCluster } from "../../local/cluster.ts";
import { processGone, processIdentity } from "../../local/processIdentity.ts";
import { serviceUser } from "../../local/serviceUser.ts";
import { UserError } from "../../runner/userError.ts";
import { until } from "../support/until.ts";

const adminPassword = "cluster-test";
const projectRoot = dirname(dirname(import.meta.dirname));
const isRoot = process.getuid?.() === 0;

for (const major of [15, 17] as const) {
    describe(`the embedded PostgreSQL ${major}`, function () {
        this.timeout(60_000);
        let folder: string;
        let dataDir: string;
        let logFile: string;
        const start = (more: Partial<Parameters<typeof startCluster>[0]> = {}) =>
            startCluster({ major, dataDir, logFile, durable: false, ...more });

        before(async () => {
            folder = await mkdtemp(join(tmpdir(), "simulation db cluster "));
            await chmod(folder, 0o711);
            dataDir = join(folder, "data");
            logFile = join(folder, "server.log");
            await initCluster({ major, dataDir, adminPassword, durable: false });
        });

        after(async () => {
            await stopCluster(dataDir, "immediate");
            await rm(folder, { recursive: true, force: true });
        });

        it("takes connections on the loopback address alone, and from nobody without the password", async () => {
            const cluster = await start();
            const { rows } = await query(
                cluster,
                `select current_setting('listen_addresses') as address, current_setting('unix_socket_directories') as sockets,
                    (select array_agg(distinct auth_method) from pg_hba_file_rules) as methods,
                    (select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolname = current_user) as scram`,
            );
            assert.deepEqual(rows, [{ address: "127.0.0.1", sockets: "", methods: ["scram-sha-256"], scram: true }]);
            await assert.rejects(query(cluster, "select 1", "wrong"), { code: "28P01" });
        });

        it("is found, not started again, by a second start", async () => {
            const first = await start();
            assert.deepEqual(await start({ port: 1 }), first);
        });

        it("is one server when two start it at once", async () => {
            await stopCluster(dataDir);
            const [one, other] = await Promise.all([start(), start()]);
            assert.deepEqual(one, other);
        });

        it("is started again after kill -9, with what was committed", async () => {
            const cluster = await start();
            await query(cluster, "create table if not exists survivors as select 1 as one");
            await kill9(cluster);
            const again = await start({ port: cluster.port });
            assert.equal(again.port, cluster.port);
            assert.deepEqual((await query(again, "select * from survivors")).rows, [{ one: 1 }]);
        });

        it("is started again after kill -9 while a child is busy and does not notice", async () => {
            const cluster = await start();
            const busy = query(
                cluster,
                // Each row with each: a join by equality would be through before the server is killed.
                "select count(*) from generate_series(1, 100000) a, generate_series(1, 1000000) b where a < -b",
            );
            busy.catch(() => undefined);
            await until("the child is busy", async () => {
                const { rows } = await query(cluster, "select from pg_stat_activity where query like 'select count%'");
                return rows.length > 0;
            });
            await kill9(cluster);
            await start();
            await assert.rejects(busy);
        });

        it("is started though the number in a stale postmaster.pid belongs to another process", async () => {
            const cluster = await start();
            await kill9(cluster);
            const stranger = await strangerOf(await stat(dataDir));
            try {
                const file = join(dataDir, "postmaster.pid");
                const [, ...rest] = (await readFile(file, "utf8")).split("\n");
                await writeFile(file, [stranger.pid, ...rest].join("\n"));
                const again = await start();
                assert.notEqual(again.pid, stranger.pid);
                assert.equal(stranger.exitCode ?? stranger.signalCode, null, "the other process is left alone");
            } finally {
                stranger.kill();
            }
        });

        it("takes another port when the wished one is taken", async () => {
            await stopCluster(dataDir);
            const { server, port } = await occupiedPort();
            try {
                const cluster = await start({ port });
                assert.notEqual(cluster.port, port);
                assert.equal((await query(cluster, "select 1 as one")).rows.length, 1);
            } finally {
                server.close();
            }
        });

        it("says what its log says when it does not start", async () => {
            await stopCluster(dataDir);
            await assert.rejects(start({ settings: { shared_buffers: "a lot" } }), (error: Error) => {
                assert(error instanceof UserError);
                assert.match(error.message, /invalid value for parameter "shared_buffers": "a lot"/);
                assert.deepEqual(error.next, [`The whole log is ${logFile}.`]);
                return true;
            });
        });

        it("is refused for the data of another version", async () => {
            const other: PostgresMajor = major === 15 ? 17 : 15;
            await assert.rejects(start({ major: other }), {
                name: "UserError",
                message: `${dataDir} was made by PostgreSQL ${major}, and ${other} was asked for.`,
            });
        });

        it("makes no data where there is some", async () => {
            await assert.rejects(initCluster({ major, dataDir, adminPassword }), /is not empty/);
            assert.equal((await readFile(join(dataDir, "PG_VERSION"), "utf8")).trim(), String(major));
        });

        it("leaves its superuser's password nowhere", async () => {
            await start();
            await stopCluster(dataDir);
            // It found nothing: 2 would be that it could not look.
            await assert.rejects(promisify(execFile)("grep", ["-rlF", adminPassword, folder]), { code: 1, stdout: "" });
            assert.deepEqual((await readdir(folder)).sort(), ["data", "server.log"]);
        });

        it("leaves no process and no postmaster.pid when it is stopped, and stopping again is nothing", async () => {
            const cluster = await start();
            const { pid } = cluster;
            const { rows } = await query(cluster, "select pid from pg_stat_activity where pid <> pg_backend_pid()");
            const children: number[] = rows.map(row => row.pid);
            assert(children.length > 0);
            assert.equal(await stopCluster(dataDir), true);
            for (const each of [pid, ...children]) assert.equal(processIdentity(each), undefined);
            assert(!(await readdir(dataDir)).includes("postmaster.pid"));
            assert.equal(await stopCluster(dataDir), false);
        });

        it("does not run as root, whoever asks", async function () {
            if (!isRoot) this.skip();
            const { pid } = await start();
            const status = await readFile(`/proc/${pid}/status`, "utf8");
            const { uid } = serviceUser(projectRoot) ?? {};
            assert.match(status, new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}`, "m"));
            assert.match(status, /^Groups:\s*$/m);
        });

        it("outlives the process that started it and a Ctrl-C for that one, also when it is not root", async () => {
            const own = await mkdtemp(join(tmpdir(), "simulation-db-cluster-"));
            const owner = isRoot ? { uid: 65534, gid: 65534 } : {};
            if (owner.uid) await chown(own, owner.uid, owner.gid);
            try {
                const script = `
                    import { initCluster, startCluster } from ${JSON.stringify(join(projectRoot, "local", "cluster.ts"))};
                    const dataDir = ${JSON.stringify(join(own, "data"))};
                    await initCluster({ major: ${major}, dataDir, adminPassword: "${adminPassword}", durable: false });
                    const cluster = await startCluster({ major: ${major}, dataDir, logFile: dataDir + ".log", durable: false });
                    console.log(JSON.stringify(cluster));
                    setTimeout(() => {}, 60_000);`;
                const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
                    ...owner,
                    cwd: "/",
                    detached: true,
                    stdio: ["ignore", "pipe", "inherit"],
                });
                const ended = new Promise(done => child.once("exit", done));
                const stdout = await new Promise<string>((done, fail) => {
                    child.stdout.once("data", chunk => done(String(chunk)));
                    child.once("exit", () => fail(new Error("it ended before it had started the server")));
                });
                // A terminal sends the signal to the whole group.
                process.kill(-(child.pid ?? 0), "SIGINT");
                await ended;
                const cluster = JSON.parse(stdout) as Cluster;
                assert.deepEqual((await query(cluster, "select current_user")).rows, [
                    { current_user: "supabase_admin" },
                ]);
            } finally {
                await stopCluster(join(own, "data"), "immediate");
                await rm(own, { recursive: true, force: true });
            }
        });
    });
}

describe("the data directory of the embedded PostgreSQL", () => {
    it("is refused where there is none", async () => {
        const folder = await mkdtemp(join(tmpdir(), "simulation-db-cluster-"));
        try {
            await mkdir(join(folder, "data"));
            await assert.rejects(
                startCluster({ major: 15, dataDir: join(folder, "data"), logFile: join(folder, "log") }),
                /holds no PostgreSQL data/,
            );
        } finally {
            await rm(folder, { recursive: true });
        }
    });
});

async function query(cluster: Cluster, sql: string, password = adminPassword): Promise<pg.QueryResult> {
    const client = new pg.Client({
        host: cluster.host,
        port: cluster.port,
        user: "supabase_admin",
        password,
        database: "postgres",
    });
    client.on("error", () => undefined);
    await client.connect();
    try {
        return await client.query(sql);
    } finally {
        await client.end();
    }
}

async function kill9({ pid }: Cluster): Promise<void> {
    const identity = processIdentity(pid) ?? "";
    process.kill(pid, "SIGKILL");
    assert(await processGone(pid, identity, 10_000));
}

/** A process of the same account, so that PostgreSQL takes its number seriously. */
async function strangerOf({ uid, gid }: { uid: number; gid: number }): Promise<ChildProcess> {
    const child = spawn("sleep", ["60"], { ...(isRoot ? { uid, gid } : {}), stdio: "ignore" });
    await new Promise((done, fail) => child.once("spawn", done).once("error", fail));
    return child;
}

async function occupiedPort(): Promise<{ server: Server; port: number }> {
    const server = createServer();
    await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
    const address = server.address();
    assert(typeof address === "object" && address !== null);
    return { server, port: address.port };
}
