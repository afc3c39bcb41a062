import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { obtainable, peers } from "../../bench/peers/all.ts";
import { goPeers, npmPeers, pgrollVersion } from "../../bench/peers/pins.ts";
import { benchMigrations } from "../../bench/runner/folder.ts";
import { root } from "../../bench/support/node.ts";

describe("other tools that are measured beside this project", () => {
    let folder: string;
    before(async () => {
        folder = await mkdtemp(join(tmpdir(), "simulation-db-peers-"));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    for (const peer of peers) {
        it(`${peer.name} gets the same statements, each migration in files of its own`, async () => {
            const place = join(folder, peer.name);
            await peer.layOut(place, benchMigrations(2));
            const entries = await readdir(place, { recursive: true, withFileTypes: true });
            const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
            const texts = await Promise.all(files.map(file => readFile(file, "utf8")));
            for (const { up } of benchMigrations(2)) {
                assert.equal(texts.filter(text => text.includes(up)).length, 1);
            }
        });
    }

    it("graphile-migrate's files name the hash of the one before, as it writes them itself", async () => {
        const place = join(folder, "graphile-migrate", "migrations", "committed");
        const [first = "", second = ""] = await Promise.all(
            (await readdir(place)).sort().map(file => readFile(join(place, file), "utf8")),
        );
        const hash = /^--! Hash: (sha1:[0-9a-f]{40})$/m.exec(first)?.[1];
        assert.ok(hash);
        assert.match(first, /^--! Previous: -$/m);
        assert.ok(second.startsWith(`--! Previous: ${hash}\n`));
    });

    it("one that cannot be had is named and left out", async () => {
        const [one] = peers;
        assert.ok(one);
        const said: string[] = [];
        const missing = { ...one, name: "missing", install: () => Promise.reject(new Error("403 Forbidden\nmore")) };
        const there = { ...one, install: async () => {} };
        assert.deepEqual(await obtainable([missing, there], line => said.push(line)), {
            found: [there],
            leftOut: ["missing"],
        });
        assert.deepEqual(said, [`missing ${one.version} cannot be had here and is left out: 403 Forbidden`]);
    });

    it("are pinned to one version each, node-pg-migrate's driver to ours", async () => {
        const exact = /^\d+\.\d+\.\d+$/;
        const versions = [
            ...Object.values(npmPeers),
            ...Object.values(goPeers).map(({ version }) => version),
            pgrollVersion,
        ];
        for (const version of versions) assert.match(version, exact);
        const { dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
        assert.equal(npmPeers.pg, dependencies.pg);
        assert.match(
            await readFile(join(root, "bench", "peers", "pgroll", "go.mod"), "utf8"),
            new RegExp(`^require github.com/xataio/pgroll v${pgrollVersion.replaceAll(".", "\\.")}$`, "m"),
        );
    });
});
