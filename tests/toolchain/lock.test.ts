import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, utimesSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { withLock } from "../../toolchain/lock.mjs";
import { inScratch, put } from "./scratch.ts";

const silent = () => {};

function deadPid(): number {
    return spawnSync("true").pid;
}

describe("the toolchain's lock", () => {
    it("lets one at a time work, and tells the others whom they wait for", () =>
        inScratch(async folder => {
            const path = join(folder, "a.lock");
            const holders: string[] = [];
            let inside = 0;
            const work = async () => {
                inside += 1;
                assert.equal(inside, 1);
                await new Promise(resolve => setTimeout(resolve, 20));
                inside -= 1;
            };
            await Promise.all([1, 2, 3].map(() => withLock(path, holder => holders.push(holder), work)));
            assert.deepEqual(holders, [`process ${process.pid}`, `process ${process.pid}`]);
            assert.ok(!existsSync(path));
        }));

    it("a lock whose holder is dead is taken over without a word", () =>
        inScratch(async folder => {
            const path = put(join(folder, "a.lock"), `${deadPid()} ${hostname()} x\n`);
            assert.equal(await withLock(path, assert.fail, async () => "done"), "done");
            assert.ok(!existsSync(path));
        }));

    it("of many that find the same dead holder, still one at a time works", () =>
        inScratch(async folder => {
            const path = put(join(folder, "a.lock"), `${deadPid()} ${hostname()} x\n`);
            let inside = 0;
            const work = async () => {
                inside += 1;
                assert.equal(inside, 1);
                await new Promise(resolve => setTimeout(resolve, 5));
                inside -= 1;
            };
            await Promise.all([1, 2, 3, 4].map(() => withLock(path, silent, work)));
        }));

    it("a holder on another machine counts as dead when it gave no sign for minutes", () =>
        inScratch(async folder => {
            const path = put(join(folder, "a.lock"), `${process.pid} another-host x\n`);
            const then = new Date(Date.now() - 10 * 60_000);
            utimesSync(path, then, then);
            assert.equal(await withLock(path, assert.fail, async () => "done"), "done");
        }));

    it("of a dead holder that cannot be taken away is an error, and nothing to wait for", () =>
        inScratch(async folder => {
            // The name of what is made to take it away is longer than the system allows: that also stops root.
            const path = put(join(folder, "a".repeat(250)), `${deadPid()} ${hostname()} x\n`);
            const taken = withLock(path, assert.fail, async () => "done");
            await assert.rejects(taken, { code: "ENAMETOOLONG" });
        }));

    it("is given back when the work fails", () =>
        inScratch(async folder => {
            const path = join(folder, "deeper", "a.lock");
            const failing = withLock(path, silent, async () => {
                throw new Error("no");
            });
            await assert.rejects(failing, /no/);
            assert.ok(!existsSync(path));
        }));
});
