import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@supabase/supabase-js";
import { signToken } from "../../local/storage/token.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";

const main = join(import.meta.dirname, "../../local/storage/main.ts");
const jwtSecret = "a secret of at least thirty-two characters";

describe("the local Storage daemon", function () {
    this.timeout(180_000);
    let cluster: TestCluster;
    let dir: string;
    let environment: Record<string, string>;
    const children: ChildProcess[] = [];

    before(async () => {
        cluster = await testCluster({ major: 17 });
        dir = await mkdtemp(join(tmpdir(), "storage daemon "));
        const secrets = join(dir, "secrets.json");
        await writeFile(secrets, JSON.stringify({ jwtSecret, postgresPassword: "another" }));
        environment = {
            ...cluster.environment,
            STORAGE_PORT: "0",
            STORAGE_FILES_DIR: join(dir, "files"),
            STORAGE_SECRETS_FILE: secrets,
        };
    });

    after(async () => {
        for (const child of children) child.kill("SIGKILL");
        await cluster?.stop();
        if (dir) await rm(dir, { recursive: true, force: true });
    });

    function start(changes: Record<string, string>) {
        const child = spawn(process.execPath, [main], { env: { ...environment, ...changes } });
        children.push(child);
        const said = { out: "", err: "" };
        child.stdout.on("data", chunk => {
            said.out += chunk;
        });
        child.stderr.on("data", chunk => {
            said.err += chunk;
        });
        const ended = once(child, "close").then(([code]) => code as number | null);
        return { child, said, ended };
    }

    async function listening({ child, said, ended }: ReturnType<typeof start>): Promise<string> {
        while (!said.out.includes("\n")) {
            const code = await Promise.race([once(child.stdout, "data").then(() => undefined), ended]);
            assert.equal(code, undefined, said.err);
        }
        const found = /^storage listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(said.out);
        assert.ok(found?.[1], said.out);
        return found[1];
    }

    it("says where it listens, serves, and ends on SIGTERM; what it took is there when it comes back", async () => {
        const serviceKey = await signToken(jwtSecret, { role: "service_role" });
        const first = start({});
        const url = await listening(first);
        assert.equal((await fetch(`${url}/storage/v1/status`)).status, 200);
        const { storage } = createClient(url, serviceKey, { auth: { persistSession: false } });
        assert.equal((await storage.createBucket("kept", { public: false })).error, null);
        assert.equal((await storage.from("kept").upload("x.txt", "kept")).error, null);
        first.child.kill("SIGTERM");
        assert.equal(await first.ended, 0);
        assert.equal(first.said.err, "");

        const second = start({ STORAGE_PORT: new URL(url).port });
        assert.equal(await listening(second), url);
        assert.equal(await (await storage.from("kept").download("x.txt")).data?.text(), "kept");
        second.child.kill("SIGTERM");
        assert.equal(await second.ended, 0);
    });

    it("ends with one clear sentence when its port is taken", async () => {
        const other = createServer().listen(0, "127.0.0.1");
        await once(other, "listening");
        const { port } = other.address() as { port: number };
        try {
            const { said, ended } = start({ STORAGE_PORT: String(port) });
            assert.equal(await ended, 1);
            assert.match(said.err, new RegExp(`^port ${port} of 127\\.0\\.0\\.1 is taken`));
            assert.doesNotMatch(said.err, /at .*\.ts/, "no stack trace");
        } finally {
            other.close();
        }
    });

    it("names the setting that is missing or wrong, and never shows what is in the secrets file", async () => {
        const broken = join(dir, "broken.json");
        await writeFile(broken, '{"jwtSecret": "do-not-show-this');
        for (const [changes, message] of [
            [{ STORAGE_PORT: "" }, /^STORAGE_PORT is not set/],
            [{ STORAGE_PORT: "http" }, /^STORAGE_PORT is "http"/],
            [{ STORAGE_FILES_DIR: "" }, /^STORAGE_FILES_DIR is not set/],
            [{ STORAGE_SECRETS_FILE: join(dir, "none.json") }, /none\.json cannot be read \(ENOENT\)/],
            [{ STORAGE_SECRETS_FILE: broken }, /broken\.json holds no jwtSecret/],
        ] as const) {
            const { said, ended } = start(changes);
            assert.equal(await ended, 1);
            assert.match(said.err, message);
            assert.doesNotMatch(said.err, /do-not-show-this|\bat .*\.ts/);
        }
    });
});
