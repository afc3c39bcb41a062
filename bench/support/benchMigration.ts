import { type Migration, versionOf } from "../../runner/migration/migration.ts";

/** A migration that makes one table and one index, as the first, second, … of its folder. */
export function benchMigration(number: number): Migration {
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
