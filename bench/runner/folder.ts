import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode, type Migration, versionOf } from "../../runner/migration/migration.ts";

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
    await mkdir(join(folder, "sql"));
    // A query without a row: nothing stands in the way.
    await writeFile(
        join(folder, "sql", "preconditions.sql"),
        "select '' as object, '' as problem, '' as remedy where false;\n",
    );
    for (const one of migrations) {
        const place = join(folder, "sql", `${one.version}_${one.slug}`);
        await mkdir(place);
        for (const part of ["up", "down", "verify"] as const) await writeFile(join(place, `${part}.sql`), one[part]);
    }
    return {
        folder,
        onStdin: migrations.map(encode),
        remove: () => rm(folder, { recursive: true, force: true }),
    };
}

/** So many migrations, each of which makes one table and one index. */
export function benchMigrations(count: number): Migration[] {
    return Array.from({ length: count }, (_, index) => migration(index + 1));
}

function migration(number: number): Migration {
    const name = `bench_${number}`;
    return {
        version: versionOf(number),
        slug: name,
        up: [
            `-- Makes ${name}.`,
            `create table public.${name} (`,
            "    id   bigint generated always as identity primary key,",
            "    name text not null,",
            "    size integer",
            ");",
            `create index ${name}_size on public.${name} (size);`,
            "",
        ].join("\n"),
        down: `-- The rows are lost.\ndrop table public.${name};\n`,
        verify: `select id, name, size from public.${name} limit 0;\n`,
    };
}
