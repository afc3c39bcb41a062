import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Part, parts } from "../../runner/migration/migration.ts";

/** The texts of a migration's files. */
export type Texts = Readonly<Record<Part, string>>;

/** Preconditions that everything meets: a query without a row. */
export const noPreconditions = "select ''::text as object, ''::text as problem, ''::text as remedy where false;\n";

/** Makes a sql folder with these migrations, by the names of their folders. */
export async function writeSqlFolder(sql: string, migrations: Readonly<Record<string, Texts>>): Promise<void> {
    await mkdir(sql);
    await writeFile(join(sql, "preconditions.sql"), noPreconditions);
    for (const [name, texts] of Object.entries(migrations)) await writeMigration(sql, name, texts);
}

/** Writes one into a sql folder, anew where it is there. @returns its folder */
export async function writeMigration(sql: string, name: string, texts: Texts): Promise<string> {
    const folder = join(sql, name);
    await mkdir(folder, { recursive: true });
    for (const part of parts) await writeFile(join(folder, `${part}.sql`), texts[part]);
    return folder;
}
