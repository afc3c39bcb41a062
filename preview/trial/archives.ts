import { readDownDirectives } from "../../runner/migration/directives.ts";
import { fileName, type Migration } from "../../runner/migration/migration.ts";
import type { Archived } from "./observation.ts";
import type { Stage } from "./run.ts";

/** What a rollback of an applied migration would keep: what its up had made, and what its down declares. */
export async function archivesOf({ session }: Stage, migration: Migration): Promise<Archived[]> {
    if (!session.settings.archive) return [];
    const { notArchived, archiveRows } = readDownDirectives(migration.down, fileName(migration, "down"));
    const { rows } = await session.client.query<{ table: string; columns: true | string[] }>(
        `select each.key as table, each.value as columns
         from simulation_db.migration cross join lateral jsonb_each(undo -> 'made') as each
         -- What is in a partition is in its table.
         where version = $1 and not coalesce((select relispartition from pg_catalog.pg_class where oid = to_regclass(each.key)), false)
         order by each.key`,
        [migration.version],
    );
    return [
        ...rows
            .filter(({ table }) => !notArchived.includes(table))
            .map(({ table, columns }): Archived => ({ table, columns: columns === true ? "all" : columns })),
        ...archiveRows.map(({ table, where }): Archived => ({ table, columns: "all", where })),
    ];
}
