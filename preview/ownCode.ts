import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Where the code is that makes what previews keep for the next one. */
const folders = ["preview/look", "preview/shadow", "preview/trial", "runner", "local"];

let hash: Promise<string> | undefined;

/** SHA-256 of that code: part of the name of what is kept, so that another version never takes it for its own. */
export function codeHash(): Promise<string> {
    return (hash ??= readCode());
}

async function readCode(): Promise<string> {
    const root = dirname(import.meta.dirname);
    const read = createHash("sha256");
    for (const folder of folders) {
        const names = (await readdir(join(root, folder), { recursive: true })).filter(name => /\.(ts|sql)$/.test(name));
        for (const name of names.sort()) read.update(name).update(await readFile(join(root, folder, name)));
    }
    // The versions of PostgreSQL and of the libraries, each an exact one.
    read.update(await readFile(join(root, "package.json")));
    return read.digest("hex");
}
