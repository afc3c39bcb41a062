import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Where the code is that makes what previews keep for the next one: these import nothing of ours from elsewhere. */
export const folders = ["preview", "runner", "local"];

let hash: Promise<string> | undefined;

/** SHA-256 of that code: part of the name of what is kept, so that another version never takes it for its own. */
export function codeHash(): Promise<string> {
    return (hash ??= readCode());
}

async function readCode(): Promise<string> {
    const root = dirname(import.meta.dirname);
    const read = createHash("sha256");
    for (const folder of folders) {
        const all = await readdir(join(root, folder), { recursive: true });
        const names = all.filter(name => /\.(ts|sql)$/.test(name)).sort();
        const texts = await Promise.all(names.map(name => readFile(join(root, folder, name), "utf8")));
        for (const [index, text] of texts.entries()) read.update(`${names[index]}\0${text}\0`);
    }
    // The versions of PostgreSQL and of the libraries, each an exact one.
    read.update(await readFile(join(root, "package.json")));
    return read.digest("hex");
}
