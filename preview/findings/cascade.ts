import { readAspect } from "../changes/aspect.ts";
import { readForeignKey } from "../changes/foreignKey.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";

/** A foreign key that does something when rows are deleted that it refers to. */
export interface Reference {
    /** Its name, as SQL writes it. */
    readonly constraint: string;
    /** Whose it is, and where something happens. */
    readonly table: string;
    /** The table that it refers to. */
    readonly of: string;
    /** Whether its rows go as well; else they stay, and the reference is set to null or to its default. */
    readonly goes: boolean;
    /** The columns of the reference, as SQL writes them. */
    readonly columns: string;
}

/** What foreign keys do when rows of a table are deleted, also through other tables; the nearest first. */
export function followersOf(table: string, references: readonly Reference[]): Reference[] {
    const gone = [table];
    const found: Reference[] = [];
    // Grows while it is walked through.
    for (const of of gone) {
        const next = references.filter(reference => reference.of === of);
        found.push(...next);
        gone.push(...next.flatMap(one => (one.goes && !gone.includes(one.table) ? one.table : [])));
    }
    return found;
}

/** Those of a catalog, by the names that it has for all. */
export function referencesOf(catalog: Catalog): Reference[] {
    return [...catalog].flatMap(([key, text]) => {
        const foreignKey = readForeignKey(text);
        const action = / ON DELETE (CASCADE|SET NULL|SET DEFAULT)/.exec(text)?.[1];
        if (foreignKey === undefined || action === undefined) return [];
        const { columns, parent } = foreignKey;
        const { object, part = "" } = readAspect(key);
        return [
            { constraint: part, table: object, of: parent, goes: action === "CASCADE", columns: columns.join(", ") },
        ];
    });
}
