import { shortName } from "../database/settings.ts";
import { hashOf, label, type Migration } from "../migration/migration.ts";
import type { PromotionRecord } from "./record.ts";

/** Why each of these migrations may not go on from the record's stack yet; none: all of them may. */
export function notPromoted(migrations: readonly Migration[], record: PromotionRecord): string[] {
    const known = new Map(record.migrations.map(each => [each.version, each]));
    const from = shortName(record.stack);
    return migrations.flatMap(migration => {
        const there = known.get(migration.version);
        if (there === undefined) return [`${label(migration)}: was not applied in ${from} by ${record.madeAt}`];
        if (there.upHash === hashOf(migration.up)) return [];
        return [`${label(migration)}: ${from} has run another up.sql under this number`];
    });
}
