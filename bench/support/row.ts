/** The smallest, the middle and the largest of several runs. */
export interface Spread {
    readonly min: number;
    readonly median: number;
    readonly max: number;
}

/** A promise about a row, judged by medians: a single disturbed run on a busy machine neither breaks nor keeps it. */
export interface Aim {
    readonly text: string;
    holds(value: number, ratio: number | null): boolean;
}

/** One measured figure. `value` and `ratio` are medians; the spreads are beside them. */
export interface Row {
    readonly case: string;
    readonly value: number;
    readonly unit: string;
    /** How many times what it is compared with, run by run of the same round; null: compared with nothing. */
    readonly ratio: number | null;
    /** The case it is compared with. */
    readonly against: string | null;
    readonly aim: string | null;
    readonly holds: boolean | null;
    readonly runs: number;
    readonly spread: Spread;
    readonly ratioSpread: Spread | null;
    /** What a figure alone does not say, for example where it comes from. */
    readonly note: string | null;
    /** False for a figure of somebody else's, of which a larger ratio to ours is no loss. */
    readonly guarded: boolean;
}

/** The value is at most so much, in the row's own unit. */
export function atMost(limit: number, unit: string): Aim {
    return { text: `<= ${limit} ${unit}`, holds: value => value <= limit };
}

/** The value is at most so many times what it is compared with. */
export function atMostTimes(limit: number): Aim {
    return { text: `<= ${limit} x`, holds: (_value, ratio) => ratio !== null && ratio <= limit };
}

/**
 * Makes a row of the runs of one case.
 *
 * @param samples one value per round
 * @param compared the case it is compared with, its values in the same rounds: ratios are formed within a round, where
 *     the machine was equally busy
 */
export function row(
    name: string,
    unit: string,
    samples: readonly number[],
    options: {
        readonly against?: { readonly name: string; readonly samples: readonly number[] };
        readonly aim?: Aim;
        readonly note?: string;
        readonly guarded?: boolean;
    } = {},
): Row {
    const { against, aim, note, guarded = true } = options;
    const spread = spreadOf(samples);
    const ratioSpread = against ? ratios(samples, against.samples) : null;
    const ratio = ratioSpread?.median ?? null;
    return {
        case: name,
        value: rounded(spread.median),
        unit,
        ratio: ratio === null ? null : rounded(ratio),
        against: against?.name ?? null,
        aim: aim?.text ?? null,
        holds: aim ? aim.holds(spread.median, ratio) : null,
        runs: samples.length,
        spread: roundedSpread(spread),
        ratioSpread: ratioSpread && roundedSpread(ratioSpread),
        note: note ?? null,
        guarded,
    };
}

/** What each of so many migrations adds to a run without them, round by round. */
export function perMigration(samples: readonly number[], without: readonly number[], count: number): number[] {
    return samples.map((sample, index) => (sample - (without[index] ?? Number.NaN)) / count);
}

/** @throws Error when there is no sample */
export function spreadOf(samples: readonly number[]): Spread {
    const sorted = samples.toSorted((a, b) => a - b);
    const at = (index: number) => sorted[index] ?? Number.NaN;
    if (sorted.length === 0) throw new Error("a spread needs at least one run");
    const middle = (sorted.length - 1) / 2;
    return { min: at(0), median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, max: at(sorted.length - 1) };
}

/** Null where the other case has a zero, which is no measure for anything. */
function ratios(samples: readonly number[], others: readonly number[]): Spread | null {
    if (samples.length !== others.length) throw new Error("cases that are compared need the same number of runs");
    if (others.some(other => other === 0)) return null;
    return spreadOf(samples.map((sample, index) => sample / (others[index] ?? Number.NaN)));
}

function roundedSpread({ min, median, max }: Spread): Spread {
    return { min: rounded(min), median: rounded(median), max: rounded(max) };
}

/** Three digits that mean something; whole numbers stay whole. */
function rounded(value: number): number {
    return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
