import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { afterInterrupted } from "../../toolchain/interrupted.ts";
import { until } from "../support/until.ts";
import { inScratch, put, putScript } from "./scratch.ts";

const root = join(import.meta.dirname, "../..");

/** An engine with a state in which a rollback was under way when the last engine was killed. */
interface Interrupted {
    readonly of: Parameters<typeof afterInterrupted>[0];
    readonly said: string[];
    /** The commands that the engine was given, each by its verb alone, and whether it was told to end. */
    readonly log: () => string[];
    readonly locks: () => string[];
}

/** No process has such a number. */
const deadPid = 4_194_305;

/** @param rollback what the engine does to finish, in sh @param refresh and to compare */
function interrupted(folder: string, rollback: string, stack = "dev", refresh = "exit 0"): Interrupted {
    const log = put(join(folder, "log"), "");
    const locks = join(folder, "state/.pulumi/locks/organization/simulation-db/dev");
    put(join(locks, "4c0b1f4e.json"), JSON.stringify({ pid: deadPid, hostname: hostname() }));
    const urn =
        "urn:pulumi:dev::simulation-db::simulation-db:database:MigrationChain$command:local:Command::schema-0012";
    const latest = { resources: [], pending_operations: [{ type: "deleting", resource: { urn } }] };
    const state = { checkpoint: { latest } };
    put(join(folder, "state/.pulumi/stacks/simulation-db/dev.json"), JSON.stringify(state));
    const command = putScript(
        join(folder, "engine"),
        `trap 'echo told >> "$FAKE_LOG"; exit 3' INT TERM\necho "$1" >> "$FAKE_LOG"\nif [ "$1" = refresh ]; then ${refresh}; fi\n${rollback}`,
    );
    const backend = pathToFileURL(join(folder, "state")).href;
    // No database is named.
    const env = { PATH: process.env.PATH, PULUMI_BACKEND_URL: backend, FAKE_LOG: log };
    const said: string[] = [];
    return {
        of: { root, stack, command, env, say: line => said.push(line) },
        said,
        log: () => readFileSync(log, "utf8").split("\n").slice(0, -1),
        locks: () => readdirSync(locks),
    };
}

describe("what an interrupted update left", function () {
    this.timeout(30_000);

    for (const command of [
        "preview",
        "destroy --preview-only",
        "destroy --stack dev --preview-only=true",
        "up --preview",
    ]) {
        it(`waits for the next update when the run only looks: ${command}`, () =>
            inScratch(async folder => {
                const { of, said, log, locks } = interrupted(folder, "");
                const [verb] = command.split(" ");
                let during: string[] = [];
                const code = await afterInterrupted(of, command.split(" "), async () => {
                    during = locks();
                    return 7;
                });
                assert.equal(code, 7);
                assert.deepEqual(log(), []);
                // The engine asks for the lock, except for a preview.
                assert.deepEqual([during.length, locks()], [verb === "preview" ? 1 : 0, ["4c0b1f4e.json"]]);
                assert.equal(said.length, verb === "preview" ? 0 : 1);
            }));
    }

    it("comes to its end before an update, whose argument only looks like one that looks", () =>
        inScratch(async folder => {
            const { of, said, log, locks } = interrupted(folder, "exit 0");
            assert.equal(await afterInterrupted(of, ["up", "--preview-only=false"], async () => 0), 0);
            assert.deepEqual([log(), locks()], [["refresh", "destroy"], []]);
            assert.match(said.join("\n"), /Finishing what it was deleting: schema-0012\.$/);
        }));

    it("is found also under the name of the stack in full, by which the engine is asked", () =>
        inScratch(async folder => {
            const name = "organization/simulation-db/dev";
            const { of, log, locks } = interrupted(folder, 'echo "$@" >> "$FAKE_LOG"', name);
            assert.equal(await afterInterrupted(of, ["up"], async () => 0), 0);
            assert.deepEqual(locks(), []);
            const [first, second, line = ""] = log();
            assert.deepEqual([first, second], ["refresh", "destroy"]);
            assert.match(line, / --stack organization\/simulation-db\/dev --target urn:pulumi:dev::\S+::schema-0012$/);
        }));

    it("does not stand in the way of an update when that does not work", () =>
        inScratch(async folder => {
            const { of, said } = interrupted(folder, "exit 5");
            assert.equal(await afterInterrupted(of, ["up"], async () => 0), 0);
            assert.equal(said.at(-1), "That did not work (ended with exit code 5). Going on without it.");
        }));

    for (const [where, words] of [
        ["in files", "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end"],
        ["with Pulumi Cloud", "error: [409] Conflict: Another update is currently in progress."],
    ] as const) {
        it(`is left to the run that is at work on the stack, whose notes these are: ${where}`, () =>
            inScratch(async folder => {
                const { of, log } = interrupted(folder, "exit 0", "dev", `echo '${words}' >&2; exit 255`);
                assert.equal(await afterInterrupted(of, ["up"], async () => 0), 0);
                assert.deepEqual(log(), ["refresh"]);
            }));
    }

    for (const [signal, whole] of [
        ["SIGTERM", false],
        ["SIGINT", true],
    ] as const) {
        it(`is told of ${signal} while it comes to its end, and the update after it does not begin`, () =>
            inScratch(async folder => {
                const { of, log } = interrupted(folder, "for each in $(seq 100); do sleep 0.1; done");
                const wrapper = put(
                    join(folder, "wrapper.mjs"),
                    `import { afterInterrupted } from ${JSON.stringify(join(root, "toolchain/interrupted.ts"))};
import { explain } from ${JSON.stringify(join(root, "runner/userError.ts"))};
const of = { ...${JSON.stringify(of)}, say: () => {} };
await afterInterrupted(of, ["up"], async () => console.log("begun")).catch(error => console.error(explain(error)));`,
                );
                const running = spawn(process.execPath, [wrapper], {
                    detached: true,
                    stdio: ["ignore", "pipe", "pipe"],
                });
                const printed = Promise.all([text(running.stdout), text(running.stderr)]);
                await until("it finishes", async () => log().includes("destroy"));
                process.kill(whole ? -(running.pid ?? 0) : (running.pid ?? 0), signal);
                const [stdout, stderr] = await printed;
                assert.deepEqual(log(), ["refresh", "destroy", "told"]);
                assert.equal(stdout, "");
                assert.equal(
                    stderr,
                    "The up has not begun: it was ended while it finished what the last update left.\n  → run the same command again: it goes on with that\n",
                );
            }));
    }
});
