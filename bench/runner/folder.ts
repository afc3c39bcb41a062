import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode, label, type Migration } from "../../runner/migration/migration.ts";
import { writeSqlFolder } from "../../tests/support/sqlFolder.ts";
import { benchMigration } from "../support/benchMigration.ts";

/** A folder with migrations. */
export interface MigrationFolder {
    /** Holds `sql/`. */
    readonly folder: string;
    /** What the stack would pass on stdin for each. */
    readonly onStdin: readonly string[];
    remove(): Promise<void>;
}

/** @param given what is in it, or how many of {@link benchMigrations} */
export async function migrationFolder(given: number | readonly Migration[]): Promise<MigrationFolder> {
    const folder = await mkdtemp(join(tmpdir(), "simulation-db-bench-"));
    const migrations = typeof given === "number" ? benchMigrations(given) : given;
    await writeSqlFolder(join(folder, "sql"), Object.fromEntries(migrations.map(one => [label(one), one])));
    return {
        folder,
        onStdin: migrations.map(encode),
        remove: () => rm(folder, { recursive: true, force: true }),
    };
}

/** So many migrations, each of which makes one table and one index. */
export function benchMigrations(count: number): Migration[] {
    return Array.from({ length: count }, (_, index) => benchMigration(index + 1));
}
