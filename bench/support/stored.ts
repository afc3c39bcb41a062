import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Report } from "./report.ts";

/** A report that is kept in the repository: what docs/performance.md shows and later runs are compared with. */
export interface Stored {
    /** Day of the run, `2026-11-26`. */
    readonly taken: string;
    /** A rough look at a tenth of the scale: its ratios compare with nothing but such looks. */
    readonly quick: boolean;
    readonly report: Report;
}

/** Holds one `NAME.json` per benchmark. */
export const resultsFolder = join(import.meta.dirname, "..", "results");

/** Keeps a report in place of the one before it. @returns the file */
export async function store(stored: Stored, folder = resultsFolder): Promise<string> {
    const file = join(folder, `${stored.report.name}.json`);
    await mkdir(folder, { recursive: true });
    await writeFile(file, `${JSON.stringify(stored, undefined, 4)}\n`);
    return file;
}

/** The report that is kept of a benchmark; undefined when none is. */
export async function readStored(name: string, folder = resultsFolder): Promise<Stored | undefined> {
    try {
        return JSON.parse(await readFile(join(folder, `${name}.json`), "utf8")) as Stored;
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
    }
}

/** All that are kept, by name. */
export async function readAllStored(folder = resultsFolder): Promise<Stored[]> {
    const files = (await readdir(folder)).filter(file => file.endsWith(".json")).sort();
    const all = await Promise.all(files.map(file => readStored(file.slice(0, -".json".length), folder)));
    return all.filter(stored => stored !== undefined);
}
