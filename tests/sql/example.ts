import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Migration } from "../../runner/migration/migration.ts";
import { sqlFolder } from "./ground.ts";

/** The example at the end of sql/CONVENTIONS.md, as a migration. */
export async function readExample(): Promise<Migration> {
    const page = await readFile(join(sqlFolder, "CONVENTIONS.md"), "utf8");
    const [, version = "", slug = ""] = /^`(\d{4})_(\w+)`/m.exec(page) ?? [];
    const part = (name: string) => page.split(`\`\`\`sql\n-- ${name}.sql\n`)[1]?.split("```")[0] ?? "";
    return { version, slug, up: part("up"), down: part("down"), verify: part("verify") };
}
