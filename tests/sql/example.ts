import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { label, type Migration } from "../../runner/migration/migration.ts";
import { writeMigration } from "../support/sqlFolder.ts";
import { sqlFolder } from "./own.ts";

/** The example at the end of sql/CONVENTIONS.md, as a migration. */
export async function readExample(): Promise<Migration> {
    const page = await readFile(join(sqlFolder, "CONVENTIONS.md"), "utf8");
    const [, version = "", slug = ""] = /^`(\d{4})_(\w+)`/m.exec(page) ?? [];
    const part = (name: string) => page.split(`\`\`\`sql\n-- ${name}.sql\n`)[1]?.split("```")[0] ?? "";
    return { version, slug, up: part("up"), down: part("down"), verify: part("verify") };
}

/** Writes it into a copy of the project, as the next migration. @returns its folder */
export async function writeExample(dir: string): Promise<string> {
    const example = await readExample();
    return await writeMigration(join(dir, "sql"), label(example), example);
}
