import type { Report } from "./report.ts";
import type { Row, Spread } from "./row.ts";

/**
 * A ratio may get worse by so much before anybody is told. Where a run takes up to 30 % longer by chance, of three runs
 * each about one row in 200,000 is told for nothing and 99.7 % of those that take twice as long are told.
 */
const tolerance = 1.5;

/** The same where one of the two is a single run, of which nobody knows how far it was from the next one. */
const toleranceOfOneRun = 2.5;

/** Something that was better when the baseline was stored. */
export interface Regression {
    readonly case: string;
    /** For a person: what it was and what it is. */
    readonly text: string;
}

/**
 * Compares the ratios of a run with those of the stored one. Only ratios: milliseconds belong to a machine and its
 * load, while what a case is compared with ran beside it.
 *
 * A ratio got worse when its median did by more than the tolerance and every run of now was worse than every run of
 * then: one disturbed round is no regression, and neither is a median that moved within what was seen before. A case
 * that the run does not have any more is told as well, so that none drops out unseen.
 */
export function regressions(baseline: Report, now: Report): Regression[] {
    return baseline.rows.flatMap(then => {
        const found = now.rows.find(row => row.case === then.case);
        // Rows that were kept before there was this word have none.
        if (!then.ratioSpread || (found ?? then).guarded === false) return [];
        if (!found?.ratioSpread) {
            const what = found ? "has no ratio any more" : "is not measured any more";
            return { case: then.case, text: `${what}; it was ${told(then, then.ratioSpread)}` };
        }
        if (!worse(then, then.ratioSpread, found, found.ratioSpread)) return [];
        return {
            case: then.case,
            text: `${told(found, found.ratioSpread)}; it was ${told(then, then.ratioSpread)}`,
        };
    });
}

/** Statements per second are better when there are more of them; everything else is time, memory or bytes. */
function moreIsBetter({ unit }: Row): boolean {
    return unit.endsWith("/s");
}

function worse(then: Row, thenRatio: Spread, now: Row, nowRatio: Spread): boolean {
    const allowed = Math.min(then.runs, now.runs) > 1 ? tolerance : toleranceOfOneRun;
    return moreIsBetter(now)
        ? nowRatio.median * allowed < thenRatio.median && nowRatio.max < thenRatio.min
        : nowRatio.median > thenRatio.median * allowed && nowRatio.min > thenRatio.max;
}

function told({ against }: Row, { min, median, max }: Spread): string {
    return `${median} x ${against} (${min} – ${max})`;
}
