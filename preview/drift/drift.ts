import { readAspect } from "../changes/aspect.ts";
import { changesOf, type ObjectChange } from "../changes/change.ts";
import { compare } from "../changes/comparison.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { TargetLook } from "../look/targetLook.ts";
import { type Hand, handOf } from "./managed.ts";
import type { Snapshot } from "./snapshot.ts";

/** One aspect of an object that is not as the last change left it; null: is not there. */
export interface DriftEntry {
    /** As the catalog names it: `policy datasets_owner_read on public.datasets` */
    readonly key: string;
    readonly expected: string | null;
    readonly actual: string | null;
    readonly hand: Hand;
}

/** The target against the ledger's last snapshot. */
export interface Drift {
    /** Why the catalog was not compared; undefined: it was. */
    readonly notChecked?: string;
    /** Why the settings of the bucket were not compared, which are no part of the catalog; undefined: they were. */
    readonly bucketNotChecked?: string;
    readonly entries: readonly DriftEntry[];
    /** What a person changed, object by object, in words. */
    readonly changes: readonly ObjectChange[];
    /** The same of what Supabase itself changed. */
    readonly managed: readonly ObjectChange[];
}

const none = { entries: [], changes: [], managed: [] } as const;

/**
 * Compares the target with the snapshot that the last change left in the ledger. No shadow is needed, so this is done
 * also when nothing is pending.
 */
export function driftOf(look: Pick<TargetLook, "catalog" | "major">, snapshot: Snapshot): Drift {
    if ("nothing" in snapshot) return none;
    if ("notReadable" in snapshot) return { ...none, notChecked: snapshot.notReadable };
    if (snapshot.major !== undefined && snapshot.major !== look.major) {
        return {
            ...none,
            notChecked: `the last snapshot is of PostgreSQL ${snapshot.major} and the server is ${look.major} now; the next change takes a new one`,
        };
    }
    const comparison = compare(snapshot.catalog, look.catalog);
    const byHand = comparison.changed.map(aspect => ({ ...aspect, hand: handOf(aspect, comparison) }));
    const entries = byHand.map(({ key, before, after, hand }) => ({ key, expected: before, actual: after, hand }));
    const of = (hand: Hand) => changesOf({ ...comparison, changed: byHand.filter(aspect => aspect.hand === hand) });
    return { entries, changes: of("person"), managed: of("supabase") };
}

/** The entries that a person is to look at. */
export function byPersons({ entries }: Drift): DriftEntry[] {
    return entries.filter(({ hand }) => hand === "person");
}

/** The part of a catalog that neither Supabase nor the stack's own resources change. */
export function ownPart(catalog: Catalog): Catalog {
    const comparison = compare(catalog, catalog);
    const all = [...catalog].map(([key, text]) => ({ ...readAspect(key), before: null, after: text }));
    const own = all.filter(aspect => handOf(aspect, comparison) === "person");
    return new Map(own.map(({ key, after }) => [key, after]));
}
