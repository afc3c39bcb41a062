import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { folders } from "../../preview/ownCode.ts";

const root = join(import.meta.dirname, "../..");

/** What a file imports of ours; types alone run nothing. */
const runs = /(?:^(?:import|export) (?!type\b)[^;]*? from |\bimport\()"(\.[^"]+)"/gms;

describe("the hash that what previews keep is named by", () => {
    it("has all code in it that this code runs", async () => {
        const elsewhere: string[] = [];
        for (const folder of folders) {
            for (const name of await readdir(join(root, folder), { recursive: true })) {
                if (!name.endsWith(".ts")) continue;
                const file = join(root, folder, name);
                for (const [, path = ""] of (await readFile(file, "utf8")).matchAll(runs)) {
                    const place = relative(root, join(dirname(file), path));
                    if (!folders.some(each => place.startsWith(`${each}/`)))
                        elsewhere.push(`${folder}/${name}: ${place}`);
                }
            }
        }
        assert.deepEqual(elsewhere, []);
    });
});
