import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { Renamed } from "../trial/observation.ts";
import { type Aspect, readAspect } from "./aspect.ts";
import { type Entry, inOneStep, renaming } from "./rename.ts";

/** One aspect that is not as it was; null: is not there. */
export interface ChangedAspect extends Aspect {
    readonly before: string | null;
    readonly after: string | null;
}

/** Two states of one catalog, and what differs. Names of the first are brought up to date with what was renamed. */
export interface Comparison {
    readonly before: Catalog;
    readonly after: Catalog;
    readonly changed: readonly ChangedAspect[];
    readonly renamed: readonly Renamed[];
}

/**
 * Compares two states of a catalog. What was renamed counts as the same thing: without that a new name would look like
 * a table that is gone and another one that came.
 */
export function compare(before: Catalog, after: Catalog, renamed: readonly Renamed[] = []): Comparison {
    const earlier = withNewNames(before, after, renamed);
    const keys = new Set([...earlier.keys(), ...after.keys()]);
    const changed = [...keys]
        .filter(key => earlier.get(key) !== after.get(key))
        .sort()
        .map(key => ({ ...readAspect(key), before: earlier.get(key) ?? null, after: after.get(key) ?? null }));
    return { before: earlier, after, changed, renamed: inOneStep(renamed) };
}

function withNewNames(before: Catalog, after: Catalog, renamed: readonly Renamed[]): Catalog {
    if (renamed.length === 0) return before;
    const renamings = renamed.map(renaming);
    return new Map(
        [...before].map((entry): Entry => {
            const [key, text] = renamings.reduce((now, rename) => rename(now), entry as Entry);
            // What says the old name still meant something else by it.
            return [key, after.get(key) === entry[1] ? entry[1] : text];
        }),
    );
}
