import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(root, "toolchain/main.ts"), ...args], { cwd: root, encoding: "utf8" });

describe("a command of npm run", () => {
    for (const name of ["stop", "new", "adopt"]) {
        it(`${name} asks no stack, and offers no option for it`, () => {
            assert.doesNotMatch(run(name, "--help").stdout, /--stack/);
            const { status, stderr } = run(name, "-s", "dev");
            assert.equal(status, 1);
            assert.match(stderr, /unknown option '-s'/);
        });
    }

    it("that asks one says how to name it", () => {
        assert.match(run("preview", "--help").stdout, /--stack <stack>/);
    });
});
