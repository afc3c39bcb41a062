import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { testCluster } from "../support/cluster.ts";

const support = join(dirname(import.meta.dirname), "support", "cluster.ts");

describe("a cluster for tests", function () {
    this.timeout(60_000);
    const ambient = process.env.TMPDIR;
    let folder: string;
    const folders = async () => (await readdir(folder)).filter(name => name.startsWith("simulation-db-test-"));

    // Other test runs make and remove their own beside us.
    before(async () => {
        folder = await mkdtemp(join(tmpdir(), "simulation db tests "));
        await chmod(folder, 0o755);
        process.env.TMPDIR = folder;
    });
    after(async () => {
        if (ambient === undefined) delete process.env.TMPDIR;
        else process.env.TMPDIR = ambient;
        await rm(folder, { recursive: true });
    });

    it("loses nothing that was committed when its server is killed, and comes back on its port", async () => {
        const cluster = await testCluster({ major: 15 });
        try {
            const { port } = cluster;
            await run(cluster.connection, "create table public.kept ()");
            await cluster.kill9();
            await assert.rejects(run(cluster.connection, "select 1"), { code: "ECONNREFUSED" });
            await cluster.restart();
            assert.equal(cluster.port, port);
            await run(cluster.connection, "drop table public.kept");
            assert.match(await cluster.log(), /database system was not properly shut down/);
        } finally {
            await cluster.stop();
        }
    });

    it("takes the settings it is given", async () => {
        const cluster = await testCluster({ major: 17, settings: { max_connections: "17" } });
        try {
            const { rows } = await run(cluster.adminUrl(), "show max_connections");
            assert.deepEqual(rows, [{ max_connections: "17" }]);
        } finally {
            await cluster.stop();
        }
    });

    it("is removed by the next one when its test run was killed", async () => {
        const script = `
            import { testCluster } from ${JSON.stringify(support)};
            const { connection } = await testCluster({ major: 15 });
            console.log(connection.port);
            setTimeout(() => {}, 60_000);`;
        const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
            stdio: ["ignore", "pipe", "inherit"],
        });
        const ended = new Promise(done => child.once("exit", done));
        const port = Number(await new Promise(done => child.stdout.once("data", done)));
        const [left = ""] = await folders();
        child.kill("SIGKILL");
        await ended;

        const next = await testCluster({ major: 15 });
        try {
            assert.equal((await folders()).length, 1);
            assert(!(await folders()).includes(left));
            const gone = { ...next.connection, port };
            await assert.rejects(run(gone, "select 1"), { code: "ECONNREFUSED" });
        } finally {
            await next.stop();
        }
    });

    it("leaves no folder when it is stopped", async () => {
        const cluster = await testCluster({ major: 15 });
        assert.equal((await folders()).length, 1);
        await cluster.stop();
        assert.deepEqual(await folders(), []);
    });
});

async function run(config: pg.ClientConfig, sql: string): Promise<pg.QueryResult> {
    const client = new pg.Client(config);
    await client.connect();
    try {
        return await client.query(sql);
    } finally {
        await client.end();
    }
}
