/** What became of one step, for its one line of output. */
export interface Outcome {
    readonly did: "applied" | "adopted" | "recorded" | "rolled back" | "nothing to undo" | "left to the squash";
    readonly durationMs: number;
}

/** @param started by `performance.now()` */
export function outcome(did: Outcome["did"], started: number): Outcome {
    return { did, durationMs: Math.round(performance.now() - started) };
}
