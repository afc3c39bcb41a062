import assert from "node:assert/strict";
import { appendFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Outcome } from "../support/engine.ts";
import { type ProjectCopy, projectCopy } from "../support/projectCopy.ts";
import { smallPlan } from "./smallPlan.ts";

describe("npm start and its sisters, on a copy of the project with few migrations", function () {
    this.timeout(300_000);
    let copy: ProjectCopy;
    let dir: string;
    let started: Outcome;
    let startedAgain: Outcome;
    let shell: Outcome;
    let status: string;
    let all: Outcome;
    let table: Outcome;
    let reshaped: Outcome;
    let remade: Outcome;
    let looked: Outcome;
    let locksAfterLook: string[];
    let destroyed: Outcome;
    let stopped: Outcome;
    let port: string;

    before(async () => {
        copy = await projectCopy(smallPlan);
        ({ dir } = copy);
        const { sh } = copy;
        started = await sh("npm start");
        await leaveLock(dir);
        startedAgain = await sh("npm start");
        shell = await sh(`
            eval "$(npm run -s env)" || exit 1
            echo "port $PGPORT"
            pulumi stack --show-name &&
            pulumi preview --non-interactive --expect-no-changes &&
            node runner/main.ts status`);
        port = /^port (\d+)$/m.exec(shell.stdout)?.[1] ?? "";
        ({ stdout: status } = await sh("npm run -s status"));
        all = await sh("npm run -s status -- --all --json");
        table = await sh("npm run -s status -- --all");
        await appendFile(join(dir, "Pulumi.dev.yaml"), "  simulation-db:embeddedDefaultPrivileges: closed\n");
        reshaped = await sh("npm start");
        const [, data = ""] = /remove (.+) and \.local\/pulumi\/state, `npm start`/.exec(reshaped.output) ?? [];
        remade = await sh(`npm run stop && rm -r "${data}" .local/pulumi/state && npm start`);
        await appendFile(join(dir, "Pulumi.dev.yaml"), "  simulation-db:archive: false\n");
        await leaveLock(dir);
        looked = await sh("npm run destroy -- --preview");
        locksAfterLook = await readdir(lockFolder(dir)).catch(() => []);
        destroyed = await sh("npm run destroy -- --yes");
        stopped = await sh("npm run stop");
    });
    after(() => copy?.remove());

    it("npm start makes a database and all of the stack, and says what to do next", () => {
        assert.equal(started.code, 0, started.output);
        assert.match(started.output, /Making the embedded database/);
        assert.match(started.output, /Resources:\n\s+\+ \d+ to create/);
        assert.match(started.output, /Resources:\n\s+\+ \d+ created/);
        assert.match(started.output, /newestMigration\s*: "0003"/);
        assert.match(started.output, /Next:\n(?:.*\n)*\s+npm run destroy/);
    });

    it("npm start again changes nothing", () => {
        assert.equal(startedAgain.code, 0, startedAgain.output);
        assert.equal(startedAgain.output.match(/Resources:\n\s+\d+ unchanged\n/g)?.length, 2, startedAgain.output);
    });

    it("the lock of an engine that was killed is taken away by the next update, which says so", async () => {
        assert.match(startedAgain.output, /The engine's last run on this stack was killed \(process 4194305\)\./);
        assert.match(startedAgain.output, /The last update did not come to its end\. Comparing its state/);
        assert.deepEqual(await readdir(lockFolder(dir)).catch(() => []), []);
    });

    it("after eval of npm run env, plain pulumi and the runner find the stack and its database", () => {
        assert.equal(shell.code, 0, shell.output);
        assert.match(shell.stdout, /^(simulation-db\/)?dev$/m);
        assert.match(shell.stdout, /\d+ unchanged/);
        assert.match(shell.stdout, /3 applied, 0 pending, 0 to roll back/);
    });

    it("npm run status says where the stack stands: migrations, drift, the last backup, the archive", () => {
        assert.match(status, /^applied +0003_notes /m);
        assert.match(status, /^3 applied, 0 pending, 0 to roll back\ndrift +none\nlast backup .+\narchive +empty$/m);
    });

    it("with --all it says so of each stack, and of one that cannot be asked why", () => {
        const answers = JSON.parse(all.stdout) as { stack: string; error?: string; applied?: unknown[] }[];
        assert.deepEqual(
            answers.map(({ stack, applied }) => [stack, applied?.length]),
            [
                ["dev", 3],
                ["prod", undefined],
                ["staging", undefined],
            ],
        );
        assert.match(answers[1]?.error ?? "", /databaseHost is still the placeholder/);
        assert.deepEqual([all.code, table.code], [1, 1]);
        assert.match(table.stdout, /^dev +0003 +0 +0 +0 /m);
        assert.match(table.stdout, /^prod +not asked$/m);
        assert.match(table.stdout, /^prod: Pulumi\.prod\.yaml is not ready:$/m);
    });

    it("a database of another shape is refused, and made by what the refusal says", () => {
        assert.equal(reshaped.code, 1);
        assert.match(reshaped.output, /embeddedDefaultPrivileges "open", and the stack now says "closed"/);
        assert.equal(remade.code, 0, remade.output);
        assert.match(remade.output, /newestMigration\s*: "0003"/);
    });

    it("npm run destroy -- --preview changes nothing, and leaves an engine that was killed to the destroy", () => {
        assert.equal(looked.code, 0, looked.output);
        assert.match(looked.output, /Resources:\n\s+- \d+ to delete/);
        assert.match(looked.output, /was killed \(process 4194305\)\. The next up or destroy sees to that\./);
        assert.doesNotMatch(looked.output, /Comparing its state/);
        assert.equal(locksAfterLook.length, 1);
        assert.match(destroyed.output, /was killed \(process 4194305\)\. Its lock is taken away\./);
    });

    it("npm run destroy -- --preview promises no archive where the stack's file says that there is none", () => {
        assert.match(looked.output, /- table public\.datasets\b/);
        assert.doesNotMatch(looked.output, /kept in the archive/);
    });

    it("npm run destroy takes all of it back, and npm run stop ends the servers", async () => {
        assert.equal(destroyed.code, 0, destroyed.output);
        assert.match(destroyed.output, /Resources:\n\s+- \d+ deleted/);
        assert.equal(stopped.code, 0, stopped.output);
        const status = await copy.sh(`PGHOST=127.0.0.1 PGPORT=${port} "${process.execPath}" runner/main.ts status`);
        assert.match(status.output, /nothing listens on/);
    });

    it("no secret of the local server is printed, except where a shell asks for it", async () => {
        const secrets = JSON.parse(await readFile(join(dir, ".local", "secrets.json"), "utf8")) as Record<
            string,
            string
        >;
        for (const { output } of [started, startedAgain, remade, destroyed, stopped]) {
            for (const [name, secret] of Object.entries(secrets)) assert.ok(!output.includes(secret), name);
        }
    });
});

/** Where the engine keeps the locks of the local stack. */
function lockFolder(dir: string): string {
    return join(dir, ".local/pulumi/state/.pulumi/locks/organization/simulation-db/dev");
}

/** What an engine leaves that was killed; no process has such a number. */
async function leaveLock(dir: string): Promise<void> {
    await mkdir(lockFolder(dir), { recursive: true });
    const lock = { pid: 4_194_305, username: "somebody", hostname: hostname(), timestamp: new Date().toISOString() };
    await writeFile(join(lockFolder(dir), "4c0b1f4e-0000-4000-8000-000000000000.json"), JSON.stringify(lock));
}
