import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { descendants, kill } from "../crash/processes.ts";
import { goTool } from "../support/goTool.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { until } from "../support/until.ts";
import { atGate, closeGate, gatedMigration, openGate } from "./gate.ts";
import { assertRefused } from "./refused.ts";
import { smallPlan } from "./smallPlan.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";

/** A place for the engine's state, and how the engine is told of it. */
interface Backend {
    readonly environment: Readonly<Record<string, string>>;
    stop(): Promise<void>;
}

const backends: Readonly<Record<string, () => Promise<Backend | string>>> = {
    "a folder elsewhere": folderBackend,
    "an S3-compatible object store": s3Backend,
};

for (const [name, start] of Object.entries(backends)) {
    describe(`a stack whose state is in ${name}, with a passphrase of its own`, function () {
        this.timeout(400_000);
        let backend: Backend | undefined;
        let target: StackTarget;
        let project: StackProject;
        let untouched: Snapshot;
        let applied: Snapshot;

        before(async function () {
            const started = await start();
            if (typeof started === "string") {
                process.stderr.write(`skipped: ${started}\n`);
                return this.skip();
            }
            backend = started;
            target = await stackTarget({ major: 15 });
            untouched = await takeSnapshot(target.admin);
            project = await stackProject({
                environment: {
                    ...target.environment,
                    ...backend.environment,
                    PULUMI_CONFIG_PASSPHRASE: "a passphrase, with blanks & signs",
                },
                sql: smallPlan,
            });
            await project.newStack("dev", { databaseHost: "embedded", storageUrl: "embedded", backup: "off" });
            await project.must("up", "--yes", "--skip-preview");
            applied = await takeSnapshot(target.admin);
        });
        after(async () => {
            await project?.remove();
            await target?.stop();
            await backend?.stop();
        });

        /** Adds a migration that waits at a closed gate. */
        async function addGated(version: string): Promise<void> {
            const files = gatedMigration(version, `gated_${version}`);
            await project.write(Object.fromEntries(Object.entries(files).map(([file, text]) => [`sql/${file}`, text])));
            await closeGate(target.admin);
        }
        afterEach(async () => {
            if (target) await openGate(target.admin);
        });

        it("remembers what it applied, and nothing secret", async () => {
            await project.must("preview", "--expect-no-changes");
            const { database, newestMigration } = await project.outputs();
            assert.match(String(database), /^\d+\/postgres$/);
            assert.equal(newestMigration, "0003");
            const state = (await project.must("stack", "export")).stdout;
            for (const secret of target.secrets) assert.ok(!state.includes(secret));
        });

        it("needs that passphrase, and changes nothing without it", async () => {
            const { environment } = project;
            project.environment = { ...environment, PULUMI_CONFIG_PASSPHRASE: "another" };
            assertRefused(await project.up(), "incorrect passphrase");
            project.environment = environment;
            assert.deepEqual(await takeSnapshot(target.admin), applied);
        });

        it("goes on after its engine was killed in the middle, without losing or repeating a step", async () => {
            await addGated("0004");
            const cut = project.up();
            await seen(target, atGate);
            const engines = descendants(process.pid).filter(({ command }) => /^\S*pulumi up /.test(command));
            assert.ok(engines.length > 0);
            for (const { pid } of engines) kill(pid);
            await openGate(target.admin);
            await cut;
            // The step goes on without its engine: a preview that looks before its commit and after it sees a table too many.
            await seen(
                target,
                "select where not exists (select from pg_stat_activity where application_name like 'simulation-db up 0004%')",
            );

            const elsewhere = !(project.environment.PULUMI_BACKEND_URL ?? "").startsWith("file:");
            if (elsewhere) {
                // Who held it cannot be asked there: a person says so.
                assertRefused(await project.up(), "the stack is currently locked");
                await project.must("cancel", "--yes");
            }
            const said = await project.clearInterrupted("up");
            assert.match(said.join("\n"), /The last update did not come to its end/);
            await project.must("up", "--yes", "--skip-preview");
            await project.must("preview", "--expect-no-changes");
            const { rows } = await target.admin.query(
                "select action from simulation_db.history where version = '0004'",
            );
            assert.deepEqual(rows, [{ action: "up" }]);
        });

        it("does not touch an update that is under way, whosever it is", async () => {
            await addGated("0005");
            const underWay = project.up();
            await seen(target, atGate);
            const said = await project.clearInterrupted("up");
            await openGate(target.admin);
            // Where a lock cannot be looked at, the engine is asked, and refuses.
            const isFolder = (project.environment.PULUMI_BACKEND_URL ?? "").startsWith("file:");
            if (isFolder) assert.deepEqual(said, []);
            else assert.match(said.join("\n"), /the stack is currently locked/);
            const { code, output } = await underWay;
            assert.equal(code, 0, output);
            const { rows } = await target.admin.query(
                "select action from simulation_db.history where version = '0005'",
            );
            assert.deepEqual(rows, [{ action: "up" }]);
        });

        it("rolls back and destroys", async () => {
            await project.useSql(smallPlan);
            await project.must("up", "--yes", "--skip-preview");
            await project.must("destroy", "--yes", "--skip-preview");
            assert.deepEqual(await takeSnapshot(target.admin), untouched);
        });
    });
}

/** Waits until the target has such a row. */
async function seen({ admin }: StackTarget, query: string): Promise<void> {
    await until(query, async () => (await admin.query(query)).rows.length > 0, 120_000);
}

async function folderBackend(): Promise<Backend> {
    const folder = await mkdtemp(join(tmpdir(), "state elsewhere "));
    return {
        environment: { PULUMI_BACKEND_URL: pathToFileURL(folder).href },
        async stop() {
            assert.deepEqual(await readdir(folder), [".pulumi"]);
            await rm(folder, { recursive: true, force: true });
        },
    };
}

/** @returns why there is none, where there is none */
async function s3Backend(): Promise<Backend | string> {
    const tool = await goTool("gofakes3");
    if ("missing" in tool) return tool.missing;
    const { server, host } = await startFake(tool.path);
    return {
        environment: {
            PULUMI_BACKEND_URL: `s3://state?endpoint=http://${host}&s3ForcePathStyle=true&region=us-east-1`,
            AWS_ACCESS_KEY_ID: "key",
            AWS_SECRET_ACCESS_KEY: "secret",
            AWS_EC2_METADATA_DISABLED: "true",
        },
        async stop() {
            const ended = new Promise(resolve => server.once("exit", resolve));
            server.kill();
            await ended;
        },
    };
}

/** Starts it; on another port where somebody took the one that was free, at most so many times. */
async function startFake(path: string, tries = 5): Promise<{ server: ChildProcess; host: string }> {
    const host = `127.0.0.1:${await freePort()}`;
    const server = spawn(path, ["-backend", "memory", "-initialbucket", "state", "-host", host, "-quiet"], {
        stdio: "ignore",
    });
    const gone = () => void server.kill("SIGKILL");
    process.once("exit", gone);
    server.once("exit", () => process.off("exit", gone));
    if (await answers(server, `http://${host}`)) return { server, host };
    assert.ok(tries > 1, `${path} ends whatever its port, ${host} at last`);
    return await startFake(path, tries - 1);
}

/** @returns false where the server has ended */
async function answers(server: ChildProcess, url: string): Promise<boolean> {
    const isThere = () =>
        fetch(url).then(
            () => true,
            () => false,
        );
    await until(`an answer on ${url}`, async () => server.exitCode !== null || (await isThere()), 30_000);
    return server.exitCode === null;
}

async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    await new Promise(resolve => server.close(resolve));
    assert.ok(address !== null && typeof address === "object");
    return address.port;
}
