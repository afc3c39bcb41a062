import type { Trial } from "./observation.ts";

/** Whether it ran to its end, so that what comes after it could be tried: a rollback without a way back is not even begun. */
export function ranToItsEnd({ part, failure, reversal }: Trial): boolean {
    return failure === undefined && !(part === "down" && reversal?.verdict === "declared irreversible");
}
