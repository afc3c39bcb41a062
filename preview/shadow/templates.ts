import { execFile } from "node:child_process";
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ownFolder } from "../../local/serviceUser.ts";
import { type Place, shadowsFolder } from "./place.ts";

/** One that nobody used for a month goes, in milliseconds. */
const keepMs = 30 * 24 * 3_600_000;

/** How many are kept, and how much room all of them may take, in kilobytes: those used last stay. */
const keptTemplates = 8;
const keptKilobytes = 500_000;

/** One that is bigger is not worth its place, in kilobytes. */
const largestKilobytes = 250_000;

/** What is written beside a data directory, for whoever uses it next. */
const aboutFile = "about.json";

const run = promisify(execFile);

/** The folder of the data directories that are kept for the next shadows. */
async function templatesFolder(): Promise<string> {
    const folder = join(await shadowsFolder(), "templates");
    await ownFolder(folder);
    return folder;
}

/**
 * Copies the kept data directory of this name into the place.
 *
 * @returns what was said about it when it was kept; undefined: there is none, and nothing was copied
 */
export async function takeTemplate<About>(name: string, { dataDir }: Place): Promise<About | undefined> {
    try {
        const template = join(await templatesFolder(), name);
        const found = await stat(template);
        await utimes(template, new Date(), new Date());
        const about = JSON.parse(await readFile(join(template, aboutFile), "utf8")) as About;
        await copyDataDir(join(template, "data"), dataDir);
        // Another preview may have thrown it out meanwhile; then the copy may be a part.
        if ((await stat(template)).ino === found.ino) return about;
    } catch {
        // There is none, or it is of no use to us: made anew.
    }
    await rm(dataDir, { recursive: true, force: true });
    return undefined;
}

/**
 * Keeps a copy of the place's data directory under this name. Nobody may be writing to it. Fails in silence: what is kept
 * saves time and nothing else.
 *
 * @param about for whoever takes it, as JSON
 */
export async function keepTemplate(name: string, place: Place, about: unknown): Promise<void> {
    // Made in our own place, so that a preview that is killed here leaves nothing.
    const half = join(place.folder, "template");
    try {
        await rm(half, { recursive: true, force: true });
        await ownFolder(half);
        const dataDir = join(half, "data");
        await copyDataDir(place.dataDir, dataDir);
        // Of the server that is running on the original.
        const shared = (await readdir(join(dataDir, "pg_dynshmem"))).map(file => join("pg_dynshmem", file));
        for (const file of ["postmaster.pid", "postmaster.opts", ...shared]) {
            await rm(join(dataDir, file), { force: true });
        }
        await writeFile(join(half, aboutFile), JSON.stringify(about), { mode: 0o600 });
        if ((await kilobytes(half)) > largestKilobytes) return;
        const templates = await templatesFolder();
        // Two previews at once make one each, and the second one's is not needed.
        await rename(half, join(templates, name));
        await forgetOldest(templates, place);
    } catch {
        // The disk is full, or it was there already.
    } finally {
        await rm(half, { recursive: true, force: true }).catch(() => undefined);
    }
}

/** Throws one out that turned out to be of no use. */
export async function forgetTemplate(name: string, place: Place): Promise<void> {
    await throwOut(join(await templatesFolder(), name), place);
}

async function forgetOldest(templates: string, place: Place): Promise<void> {
    const names = await readdir(templates);
    const found = await Promise.all(
        names.map(async name => {
            const path = join(templates, name);
            const unused = await stat(path).then(
                ({ mtimeMs }) => Date.now() - mtimeMs,
                () => Infinity,
            );
            return { name, unused, kilobytes: await kilobytes(path).catch(() => 0) };
        }),
    );
    for (const name of surplus(found)) await throwOut(join(templates, name), place);
}

/**
 * Which ones have to go, the limits being what they are.
 *
 * @param found with the time since each was used last, in milliseconds
 */
export function surplus(
    found: readonly { readonly name: string; readonly unused: number; readonly kilobytes: number }[],
): string[] {
    let room = keptKilobytes;
    return found
        .toSorted((a, b) => a.unused - b.unused)
        .filter(({ unused, kilobytes: size }, index) => {
            room -= size;
            return index >= keptTemplates || room < 0 || unused > keepMs;
        })
        .map(({ name }) => name);
}

/** First out of sight, so that nobody takes a part of it; what a kill leaves goes with the place. */
async function throwOut(path: string, { folder }: Place): Promise<void> {
    const trash = join(folder, "thrown-out");
    try {
        await rename(path, trash);
    } catch {
        // Somebody else did.
    }
    await rm(trash, { recursive: true, force: true });
}

/** `cp -a`: with owners and modes, and without copying bytes where the file system can share them. */
async function copyDataDir(from: string, to: string): Promise<void> {
    if (process.platform === "darwin") await run("cp", ["-Rpc", from, to]);
    else await run("cp", ["-a", "--reflink=auto", from, to]);
}

/** What it takes on the disk. */
async function kilobytes(path: string): Promise<number> {
    const { stdout } = await run("du", ["-sk", path]);
    return Number.parseInt(stdout, 10);
}
