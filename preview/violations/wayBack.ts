import type { Reversal, Trial } from "../trial/observation.ts";
import type { TargetLook } from "../look/targetLook.ts";
import { type Demand, demandsOf } from "./demands.ts";

/**
 * What the way back of pending migrations demands of the rows that the target has: a column that up drops comes back
 * empty, as nothing archives its values. Of all else that down demands nobody knows today what the rows will be.
 *
 * @param trials of what is pending, in their order
 */
export async function wayBackDemands(
    trials: readonly Trial[],
    look: Pick<TargetLook, "tables" | "catalog">,
): Promise<Demand[]> {
    const found = await Promise.all(
        trials.map(async (trial, index): Promise<Demand[]> => {
            const { reversal, statements } = trial;
            const takesColumns = statements.some(({ lost }) => lost.some(({ kind }) => kind === "column"));
            if (!takesColumns || reversal === undefined || reversal.failure || reversal.statements.length === 0)
                return [];
            const demands = await demandsOf([...trials.slice(0, index + 1), downOf(trial, reversal)], look);
            return demands
                .filter(({ part, everyRow }) => part === "down" && everyRow === true)
                .map(demand => ({ ...demand, part: "way back" }));
        }),
    );
    return found.flat();
}

/** The reversal as if it were a trial of its own. */
function downOf({ version, slug, before, after, archives }: Trial, { statements, differs, declared }: Reversal): Trial {
    const end = new Map(before);
    for (const { key, actual } of differs) {
        if (actual === null) end.delete(key);
        else end.set(key, actual);
    }
    // What it is then instead, nobody has noted.
    for (const key of declared) end.delete(key);
    return { version, slug, part: "down", statements, before: after, after: end, archives };
}
