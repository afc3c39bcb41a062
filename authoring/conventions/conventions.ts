import { readDirectives } from "../../runner/migration/directives.ts";
import { fileName, type Migration, parts } from "../../runner/migration/migration.ts";
import { splitStatements } from "../../runner/migration/statements.ts";
import { treeOf } from "../../runner/migration/tree.ts";
import type { Breach } from "./breach.ts";
import { commentBreaches } from "./comments.ts";
import { functionBreaches } from "./functions.ts";
import { headBreaches } from "./heads.ts";
import { nameBreaches } from "./names.ts";
import { policyBreaches } from "./policies.ts";
import { madeBy, sceneOf } from "./scene.ts";
import { styleBreaches } from "./style.ts";
import { tableBreaches } from "./tables.ts";
import { verifyBreaches } from "./verifyFile.ts";

/**
 * In what a migration does not keep to sql/CONVENTIONS.md, as far as a machine can see it, by file and line. What was
 * imported has run elsewhere as it is: of its up.sql only the head is looked at.
 *
 * @param isKnown whether an object, as `function public.f`, was there before
 * @throws UserError when a file cannot be parsed
 */
export async function breachesOf(migration: Migration, isKnown: (object: string) => boolean): Promise<Breach[]> {
    const { imported } = readDirectives(migration.up, fileName(migration, "up"));
    const up = sceneOf(await splitStatements(migration.up, fileName(migration, "up")), isKnown);
    const ofUp = [nameBreaches, tableBreaches, policyBreaches, functionBreaches, commentBreaches].flatMap(rule =>
        rule(up),
    );
    const down = sceneOf(await splitStatements(migration.down, fileName(migration, "down")), () => true);
    const styles = await Promise.all(
        parts.map(async part => (await styleBreaches(migration[part])).map(breach => ({ part, ...breach }))),
    );
    const own = [...styles.flat(), ...ofUp.map(breach => ({ part: "up" as const, ...breach }))];
    return [
        ...headBreaches(migration),
        ...own.filter(({ part }) => part !== "up" || imported === undefined),
        ...nameBreaches(down).map(breach => ({ part: "down" as const, ...breach })),
        ...(await verifyBreaches(migration.verify)).map(breach => ({ part: "verify" as const, ...breach })),
    ].sort((one, other) => parts.indexOf(one.part) - parts.indexOf(other.part) || one.line - other.line);
}

/** The tables, views and functions that a migration makes, as `function public.f`. */
export async function objectsMadeBy(migration: Migration): Promise<string[]> {
    const statements = await splitStatements(migration.up, fileName(migration, "up"));
    return statements.flatMap(statement => madeBy(treeOf(statement)));
}
