import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inScratch, put, systemPath } from "./scratch.ts";

const root = join(import.meta.dirname, "..", "..");
const mocha = join(root, "node_modules", "mocha", "bin", "mocha.js");
const reporter = join(root, "tests", "support", "reporter.ts");

async function totalsOf(folder: string, ...options: string[]): Promise<unknown> {
    put(
        join(folder, "a.test.mjs"),
        `describe("a", () => { it("one", () => {}); it("bad", () => { throw new Error("x"); }); it.skip("no", () => {}); });`,
    );
    put(join(folder, "b.test.mjs"), `describe("b", () => { it("one", () => {}); it("two", () => {}); });`);
    put(
        join(folder, "c.test.mjs"),
        `describe("c", () => { before(() => { throw new Error("x"); }); it("late", () => {}); });`,
    );
    const totals = join(folder, "totals.json");
    const args = [mocha, "--reporter", reporter, "--reporter-option", `totals=${totals}`, ...options, "*.test.mjs"];
    await new Promise(done => execFile(process.execPath, args, { cwd: folder, env: { PATH: systemPath } }, done));
    return JSON.parse(readFileSync(totals, "utf8"));
}

describe("the totals of a test run", () => {
    for (const options of [[], ["--parallel", "--jobs", "2"]]) {
        it(`are mocha's own, failed hooks included, with ${options.join(" ") || "one process"}`, () =>
            inScratch(async folder => {
                assert.deepEqual(await totalsOf(folder, ...options), { passed: 3, failed: 2, skipped: 1 });
            }));
    }

    it("count only what --grep chose, and nothing when it chose nothing", () =>
        inScratch(async folder => {
            assert.deepEqual(await totalsOf(folder, "--grep", "a one"), { passed: 1, failed: 0, skipped: 0 });
            assert.deepEqual(await totalsOf(folder, "--parallel", "--grep", "zzz"), {
                passed: 0,
                failed: 0,
                skipped: 0,
            });
        }));
});
