import type { Row } from "./row.ts";

/** How a benchmark is run. */
export interface Scale {
    /** A rough look in a tenth of the time: less data, fewer rounds. */
    readonly quick: boolean;
    /** Progress, for people. */
    readonly say: (line: string) => void;
}

/** What a benchmark found. */
export interface Findings {
    readonly rows: readonly Row[];
    /** Programs that took part, for example `{ postgresql: "15.18" }`. */
    readonly versions: Readonly<Record<string, string>>;
    /** Those that could not be had, so that what is promised beside them was not measured. */
    readonly leftOut?: readonly string[];
}

/** One file `bench/NAME.ts` exports one of these as `benchmark`; nothing else has to know of it. */
export interface Benchmark {
    /** What is measured, in one sentence. */
    readonly about: string;
    /** How long it takes without and with `--quick`, in minutes, roughly. */
    readonly minutes: { readonly full: number; readonly quick: number };
    /** Leaves nothing behind: no server, no folder. */
    readonly measure: (scale: Scale) => Promise<Findings>;
}
