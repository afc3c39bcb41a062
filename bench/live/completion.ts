/** What a client of the traffic sends. */
export const kinds = ["select", "update", "insert"] as const;

/** One statement of the traffic, with its times in milliseconds since 1970. */
export interface Completion {
    readonly client: number;
    readonly kind: (typeof kinds)[number];
    readonly started: number;
    readonly ended: number;
    /** What the server said when it refused the statement. */
    readonly error?: string;
}

/** What the traffic is told. */
export type Order = "end";

/** What the traffic felt while something else was done. */
export interface Felt {
    /** The longest that any client waited for a statement, in milliseconds. */
    readonly stallMs: number;
    /** When that was, in milliseconds since 1970. */
    readonly stalledAt: number;
    /** The same by kind. */
    readonly worstMs: Readonly<Record<Completion["kind"], number>>;
    readonly perSecond: number;
    /** What the server said of those that it refused. */
    readonly errors: readonly string[];
}

/** @param from and @param to in milliseconds since 1970; statements that overlap this time count */
export function feltBetween(completions: readonly Completion[], from: number, to: number): Felt {
    const within = completions.filter(({ started, ended }) => ended >= from && started <= to);
    const tookMs = ({ started, ended }: Completion) => ended - started;
    const longest = within.reduce<Completion | undefined>(
        (worst, one) => (worst && tookMs(worst) >= tookMs(one) ? worst : one),
        undefined,
    );
    if (!longest) throw new Error("the traffic sent nothing in this time");
    const worst = (kind: Completion["kind"]) => Math.max(0, ...within.filter(one => one.kind === kind).map(tookMs));
    return {
        stallMs: tookMs(longest),
        stalledAt: longest.started,
        worstMs: { select: worst("select"), update: worst("update"), insert: worst("insert") },
        perSecond: (within.filter(({ error }) => !error).length * 1000) / (to - from),
        errors: within.flatMap(({ error }) => error ?? []),
    };
}
