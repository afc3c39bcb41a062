import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
/** Writes one or more files per migration: names and texts by `files`. */
export async function writeFiles<Migration>(
    folder: string,
    migrations: readonly Migration[],
    files: (migration: Migration) => Readonly<Record<string, string>>,
): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (const migration of migrations) {
        for (const [name, text] of Object.entries(files(migration))) await writeFile(join(folder, name), text);
    }
}
