import type { Place } from "../trial/observation.ts";

/** From what must not be overlooked to what is good to know. */
export const levels = [
    /** It would not run, or would not run back. */
    "failing",
    /** Data are gone afterwards. */
    "destructive",
    /** Traffic waits. */
    "blocking",
    /** Somebody may see or do more than before, or a fence is missing. */
    "insecure",
    /** Down does not bring back what was there. */
    "irreversible",
    /** Nothing was proven. */
    "unverified",
    "note",
] as const;
export type Level = (typeof levels)[number];

/** One thing that a reviewer should know of a migration. */
export interface Finding {
    /** Stable, for machines and for the documentation: docs/preview.md lists all. */
    readonly code: string;
    readonly level: Level;
    /** What it is about, as a person names it: `public.datasets`, `function public.f()`. */
    readonly object: string;
    readonly place?: Pick<Place, "file" | "line">;
    /** One sentence, without the object's name at its beginning being needed to understand it. */
    readonly words: string;
    /** Whether it stops a run unless the migration's own directive allows it. */
    readonly stops: boolean;
}

/** The most important first; within a level what stops comes first. The order in which they were found is kept. */
export function byImportance(findings: readonly Finding[]): Finding[] {
    return [...findings].sort(
        (one, other) =>
            levels.indexOf(one.level) - levels.indexOf(other.level) || Number(other.stops) - Number(one.stops),
    );
}

/** Where it is, for a file that a person can open. */
export function placed(place: Place | undefined): { place?: Pick<Place, "file" | "line"> } {
    return place === undefined ? {} : { place: { file: place.file, line: place.line } };
}

/** Of what stops a run unless it is allowed. */
export function insecure(code: string, object: string, words: string): Finding {
    return { code, level: "insecure", object, words, stops: true };
}

export function note(code: string, object: string, words: string, place?: Place): Finding {
    return { code, level: "note", object, ...placed(place), words, stops: false };
}
