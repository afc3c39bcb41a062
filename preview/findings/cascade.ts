import { readAspect } from "../changes/aspect.ts";
import type { Catalog } from "../trial/observation.ts";

/** What happens in a table that refers to one whose rows are deleted. */
export interface Follower {
    readonly table: string;
    /** The table that it refers to. */
    readonly of: string;
    /** Whether its rows go as well; else they stay, and the reference is set to null or to its default. */
    readonly goes: boolean;
    /** The columns of the reference, as SQL writes them. */
    readonly columns: string;
}

/** What foreign keys do when rows of a table are deleted, also through other tables; the nearest first. */
export function followersOf(table: string, catalog: Catalog): Follower[] {
    const references = referencesOf(catalog);
    const gone = [table];
    const found: Follower[] = [];
    // Grows while it is walked through.
    for (const of of gone) {
        const next = references.filter(reference => reference.of === of);
        found.push(...next);
        gone.push(...next.flatMap(one => (one.goes && !gone.includes(one.table) ? one.table : [])));
    }
    return found;
}

function referencesOf(catalog: Catalog): Follower[] {
    return [...catalog].flatMap(([key, text]) => {
        const [, columns, of, action] =
            /^FOREIGN KEY \((.+?)\) REFERENCES (.+?)\(.* ON DELETE (CASCADE|SET NULL|SET DEFAULT)/s.exec(text) ?? [];
        if (columns === undefined || of === undefined) return [];
        return [{ table: readAspect(key).object, of, goes: action === "CASCADE", columns }];
    });
}
