import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { withFileLock } from "../../local/fileLock.ts";
import { processIdentity } from "../../local/processIdentity.ts";

describe("a file lock", () => {
    let folder: string;
    let path: string;
    const locks = async () => (await readdir(folder)).filter(name => name.includes(".lock"));

    beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), "simulation-db-lock-"));
        path = join(folder, "it");
    });
    afterEach(() => rm(folder, { recursive: true }));

    it("lets one in at a time, across processes, and leaves no file", async () => {
        const counter = join(folder, "counter");
        await writeFile(counter, "0");
        const module = join(dirname(dirname(import.meta.dirname)), "local", "fileLock.ts");
        const script = `
            import { readFile, writeFile } from "node:fs/promises";
            import { withFileLock } from ${JSON.stringify(module)};
            for (let n = 0; n < 10; n++) await withFileLock(${JSON.stringify(path)}, async () => {
                const before = Number(await readFile(${JSON.stringify(counter)}, "utf8"));
                await new Promise(done => setTimeout(done, 2));
                await writeFile(${JSON.stringify(counter)}, String(before + 1));
            });`;
        const run = () => promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { cwd: "/" });
        await Promise.all([run(), run(), run()]);
        assert.equal(await readFile(counter, "utf8"), "30");
        assert.deepEqual(await locks(), []);
    });

    it("lets one in at a time when many wait for one that lets go", async () => {
        let inside = 0;
        let most = 0;
        const work = async () => {
            most = Math.max(most, ++inside);
            await setTimeout(1);
            inside--;
        };
        const run = async () => {
            for (let n = 0; n < 40; n++) await withFileLock(path, work);
        };
        await Promise.all(Array.from({ length: 30 }, run));
        assert.equal(most, 1);
    });

    it("is released when the work fails", async () => {
        await assert.rejects(
            withFileLock(path, async () => {
                throw new Error("work");
            }),
            { message: "work" },
        );
        assert.equal(await withFileLock(path, async () => "next"), "next");
    });

    it("is taken over from a holder that died, also when its number belongs to another process now", async () => {
        await writeFile(`${path}.lock.1`, "4194303 12345\n");
        await writeFile(`${path}.lock.2`, `${process.pid} 0\n`);
        assert.equal(await withFileLock(path, async () => "mine"), "mine");
    });

    it("says who holds it when the wait is over", async () => {
        await writeFile(`${path}.lock.1`, `${process.pid} ${processIdentity(process.pid)}\n`);
        await assert.rejects(
            withFileLock(path, async () => undefined, 0.1),
            { name: "UserError", message: new RegExp(`^Process ${process.pid} has held the lock .*it\\.lock\\.1 `) },
        );
    });
});
