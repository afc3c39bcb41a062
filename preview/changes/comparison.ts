import type { Catalog, Renamed } from "../trial/observation.ts";
import { type Aspect, readAspect } from "./aspect.ts";

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
    const earlier = renamed.reduce(withNewName, before);
    const keys = new Set([...earlier.keys(), ...after.keys()]);
    const changed = [...keys]
        .filter(key => earlier.get(key) !== after.get(key))
        .sort()
        .map(key => ({ ...readAspect(key), before: earlier.get(key) ?? null, after: after.get(key) ?? null }));
    return { before: earlier, after, changed, renamed };
}

function withNewName(catalog: Catalog, { kind, from, to }: Renamed): Catalog {
    if (kind === "table") {
        const old = name(from);
        return new Map([...catalog].map(([key, text]) => [key.replace(old, to), text.replace(old, to)]));
    }
    // A column's name alone may be anything else elsewhere, so only its own table is looked at.
    const table = to.slice(0, to.length - lastPart(to).length - 1);
    const full = name(from);
    const bare = name(lastPart(from));
    const mine = (key: string, text: string) => readAspect(key).object === table || name(table).test(text);
    return new Map(
        [...catalog].map(([key, text]) =>
            mine(key, text) ? [key.replace(full, to), text.replace(full, to).replace(bare, lastPart(to))] : [key, text],
        ),
    );
}

/** A name where it stands for itself, everywhere in a text. */
function name(text: string): RegExp {
    return new RegExp(`(?<![\\w"$])${text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")}(?![\\w"$])`, "g");
}

/** The name after the last dot, with its quotes. */
export function lastPart(qualified: string): string {
    return /(?:"(?:[^"]|"")+"|[^".]+)$/.exec(qualified)?.[0] ?? qualified;
}
