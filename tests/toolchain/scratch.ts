import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Runs a test in a folder of its own, whose path has a blank and a quote in it, and removes it. */
export async function inScratch(work: (folder: string) => Promise<void>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "simulation db's "));
    try {
        await work(folder);
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

/** Writes a file and the folders above it. */
export function put(file: string, content: string): string {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
}

/** Writes a program for sh. */
export function putScript(file: string, lines: string): string {
    put(file, `#!/bin/sh\n${lines}\n`);
    chmodSync(file, 0o755);
    return file;
}

/** What a shell and the programs of these tests need, and nothing that is installed on this machine by chance. */
export const systemPath = "/usr/bin:/bin";
