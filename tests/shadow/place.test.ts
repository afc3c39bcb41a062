import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { rm, stat, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import { livingPostmaster } from "../../local/postmasterPid.ts";
import { type Place, removePlace, takePlace } from "../../preview/shadow/place.ts";
import { makeDataDir, ShadowServer } from "../../preview/shadow/server.ts";

const bytes = 2 ** 28;

/** With a server in it. */
async function occupied(): Promise<Place> {
    const server = new ShadowServer(await takePlace(bytes), 15);
    await makeDataDir(server.place, 15);
    await server.start();
    return server.place;
}

describe("the place of a shadow", function () {
    this.timeout(120_000);

    it("goes with its server, also when somebody has removed the folder on the disk meanwhile", async () => {
        const place = await occupied();
        const postmaster = await livingPostmaster(place.dataDir);
        assert.ok(postmaster);
        await rm(place.folder, { recursive: true });
        await place.leave();
        assert.equal(existsSync(dirname(place.dataDir)), false);
        assert.equal(existsSync(`/proc/${postmaster.pid}`), false);
    });

    it("what is left in memory of one that is gone from the disk is removed by a later preview", async function () {
        const place = await takePlace(bytes);
        const inMemory = dirname(place.dataDir);
        if (inMemory === place.folder) {
            await place.leave();
            this.skip();
        }
        try {
            await rm(place.folder, { recursive: true });
            await (await takePlace(bytes)).leave();
            assert.ok(existsSync(inMemory), "it may be in use still");
            const old = new Date(Date.now() - 3_600_000);
            await utimes(inMemory, old, old);
            await (await takePlace(bytes)).leave();
            assert.equal(existsSync(inMemory), false);
        } finally {
            await removePlace(place.folder);
            await place.leave();
        }
    });

    it("can be passed through by the account that runs the server, whatever the umask", async () => {
        const before = process.umask(0o077);
        try {
            const place = await takePlace(bytes);
            try {
                for (const folder of [place.folder, dirname(place.dataDir)]) {
                    assert.equal((await stat(folder)).mode & 0o777, 0o711, folder);
                }
            } finally {
                await place.leave();
            }
        } finally {
            process.umask(before);
        }
    });
});
