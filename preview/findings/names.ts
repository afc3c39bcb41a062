import { lastPart, tableOfColumn } from "../changes/aspect.ts";
import { formerName } from "../changes/rename.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { Renamed, Trial } from "../trial/observation.ts";
import type { TargetLook } from "../look/targetLook.ts";
import type { RangeVar } from "../../runner/migration/tree.ts";

/** Finds what statements name on the target, where pending migrations may have given it other names. */
export interface Names {
    /** `schema.table` of a table that the target has now; undefined: it has none of that name. */
    onTarget(relation: RangeVar | undefined): string | undefined;
    /** The full name of a column of such a table, which a statement names without quotes; undefined as above. */
    columnOnTarget(table: string, column: string): string | undefined;
    /** What the target calls a table or column that the shadow's catalog calls so: the same unless it was renamed. */
    before(name: string): string;
    /** The tables whose rows change when a statement writes to the relation: itself, or those that a view shows. */
    written(relation: RangeVar | undefined): readonly string[];
    /** Of all tables that it has. */
    all(): string[];
}

/**
 * Names of the tables of the target. What a migration renames is found under its new name as well. Without a schema the
 * name is looked for in public first, as Supabase's own search path does.
 *
 * @param look with its catalog, where columns are asked for
 * @param renamed in the order in which it happens
 * @param views those that statements write to, by their names without quotes, with the tables that each of them shows
 */
export function namesOf(
    look: Pick<TargetLook, "tables"> & { readonly catalog?: Catalog },
    renamed: readonly Renamed[] = [],
    views: ReadonlyMap<string, readonly string[]> = new Map(),
): Names {
    const before = (name: string, steps = renamed) => steps.reduceRight(formerName, name);
    const targets = renamed.map(({ kind, to }, index) => ({ kind, to, is: before(to, renamed.slice(0, index + 1)) }));
    const byPlainName = new Map([...look.tables.keys()].map(name => [plain(name), name]));
    for (const { kind, to, is } of targets) {
        if (kind === "table" && look.tables.has(is)) byPlainName.set(plain(to), is);
    }
    let columns: Map<string, string> | undefined;
    return {
        all: () => [...look.tables.keys()],
        before: name => before(name),
        columnOnTarget(table, column) {
            columns ??= columnsByPlainName();
            return columns.get(`${plain(table)}.${column}`);
        },
        onTarget: relation => find(byPlainName, relation),
        written(relation) {
            const table = find(byPlainName, relation);
            if (table !== undefined) return [table];
            return (find(views, relation) ?? []).map(name => before(name)).filter(name => look.tables.has(name));
        },
    };

    function columnsByPlainName(): Map<string, string> {
        const keys = [...(look.catalog?.keys() ?? [])].filter(key => key.startsWith("column "));
        const known = new Map(keys.map(key => key.slice("column ".length)).map(name => [plain(name), name]));
        for (const { kind, to, is } of targets) {
            if (kind === "column") known.set(plain(`${tableOfColumn(is)}.${lastPart(to)}`), is);
        }
        return known;
    }
}

/** What trials gave other names, in their order. */
export function renamesIn(trials: readonly Pick<Trial, "statements">[]): Renamed[] {
    return trials.flatMap(({ statements }) => statements.flatMap(({ renamed }) => renamed));
}

function find<T>(byPlainName: ReadonlyMap<string, T>, relation: RangeVar | undefined): T | undefined {
    if (!relation?.relname) return undefined;
    if (relation.schemaname) return byPlainName.get(`${relation.schemaname}.${relation.relname}`);
    const inPublic = byPlainName.get(`public.${relation.relname}`);
    if (inPublic) return inPublic;
    const others = [...byPlainName].filter(([name]) => name.endsWith(`.${relation.relname}`));
    return others.length === 1 ? others[0]?.[1] : undefined;
}

/** Without the quotes. */
export function plain(name: string): string {
    return name.replaceAll(/"((?:[^"]|"")+)"/g, (_, inner: string) => inner.replaceAll('""', '"'));
}
