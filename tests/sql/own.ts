import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Migration } from "../../runner/migration/migration.ts";
import { readMigrations } from "../../runner/migration/migrationFolder.ts";

// What a team adds to its copy of this project is held by `npm run check:sql`; the tests hold the project's own
// migrations, which are those before the example in sql/CONVENTIONS.md.

/** Where the migrations are. */
export const sqlFolder = join(import.meta.dirname, "../../sql");

/** The number that the next migration has, whoever makes it. */
const [, next = ""] = /^`(\d{4})_\w+`/m.exec(readFileSync(join(sqlFolder, "CONVENTIONS.md"), "utf8")) ?? [];
// Without it no migration would be the project's, and tests of each would look at none.
if (next === "") throw new Error("sql/CONVENTIONS.md has no example");

/** Whether a file or folder of the sql folder is the project's: for what copies it. */
export function isOwn(file: string): boolean {
    const [version] = /^\d{4}(?=_)/.exec(basename(file)) ?? [];
    return version === undefined || version < next;
}

/** The project's migrations, in order. */
export async function readOwnMigrations(): Promise<Migration[]> {
    return (await readMigrations(sqlFolder)).filter(({ version }) => version < next);
}
