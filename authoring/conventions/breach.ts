import type { Part } from "../../runner/migration/migration.ts";

/** Something in which a file does not keep to sql/CONVENTIONS.md. */
export interface Breach {
    readonly part: Part;
    /** Counted from 1. */
    readonly line: number;
    /** Stable; docs/authoring.md lists all. */
    readonly code: string;
    /** One sentence: what is there, and what should be. */
    readonly words: string;
}

export type BreachOfFile = Omit<Breach, "part">;
