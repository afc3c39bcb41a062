import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { runCaptured } from "../../toolchain/child.ts";
import { inScratch, put, systemPath } from "./scratch.ts";

const child = join(import.meta.dirname, "..", "..", "toolchain", "child.ts");

/** Runs a program through runForeground in a process group without a terminal; `signal` is called when it is up. */
async function counted(
    folder: string,
    signal: (pid: number) => void,
): Promise<{ stdout: string; code: number | null }> {
    const counting = put(
        join(folder, "counting.mjs"),
        `let seen = 0;
const end = () => { console.log("seen " + seen); process.exit(40 + seen); };
for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => {
    seen += 1;
    // Whatever comes twice comes within this time.
    if (seen === 1) setTimeout(end, 700);
});
console.log("up");
setTimeout(end, 60_000);`,
    );
    const wrapper = put(
        join(folder, "wrapper.mjs"),
        `import { runForeground } from ${JSON.stringify(child)};
process.exitCode = await runForeground(process.execPath, [${JSON.stringify(counting)}], {});`,
    );
    const running = spawn(process.execPath, [wrapper], { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    running.stdout.once("data", () => signal(running.pid ?? 0));
    const ended = new Promise<number | null>(resolve => running.on("exit", resolve));
    const [stdout, code] = await Promise.all([text(running.stdout), ended]);
    return { stdout, code };
}

describe("a program in the foreground, without a terminal", () => {
    it("gets an interrupt once when the whole group is interrupted, and its exit code is passed on", () =>
        inScratch(async folder => {
            const { stdout, code } = await counted(folder, pid => process.kill(-pid, "SIGINT"));
            assert.match(stdout, /seen 1/);
            assert.equal(code, 41);
        }));

    it("gets an interrupt once when npm passes on what the group got as well", () =>
        inScratch(async folder => {
            const { stdout } = await counted(folder, pid => {
                process.kill(-pid, "SIGINT");
                setTimeout(() => process.kill(pid, "SIGINT"), 50);
            });
            assert.match(stdout, /seen 1/);
        }));

    it("is told to end when only we are told", () =>
        inScratch(async folder => {
            const { stdout } = await counted(folder, pid => process.kill(pid, "SIGTERM"));
            assert.match(stdout, /seen 1/);
        }));
});

describe("a program whose words are kept", () => {
    const options = { env: { PATH: systemPath }, seconds: 30 };

    it("tells what it printed and how it ended, and never throws", async () => {
        const good = await runCaptured("sh", ["-c", "echo out; echo err >&2"], options);
        assert.deepEqual(good, { stdout: "out\n", stderr: "err\n", problem: undefined });
        assert.equal((await runCaptured("sh", ["-c", "exit 3"], options)).problem, "ended with exit code 3");
        assert.match(
            (await runCaptured("no-such-program", [], options)).problem ?? "",
            /could not be started: .*ENOENT/,
        );
    });

    it("is ended when it takes too long, also when a grandchild holds its output open", async () => {
        const late = await runCaptured("sh", ["-c", "sleep 5 & sleep 5"], { ...options, seconds: 0.2 });
        assert.equal(late.problem, "took longer than 0.2 s");
    });
});
