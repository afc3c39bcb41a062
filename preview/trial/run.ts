import type { Session } from "../../runner/database/session.ts";
import { resumption } from "../../runner/migration/statementRules.ts";
import { type Statement, splitStatements } from "../../runner/migration/statements.ts";
import type { Shadow } from "../shadow/shadow.ts";
import { failureOf, placeOf } from "./failure.ts";
import { type InnerStatements, missedRows, truncatedOf } from "./inner.ts";
import { statementLimitMs, withinLimit } from "./limit.ts";
import type { Failure, Place, StatementObservation } from "./observation.ts";
import { compareStates, readNext, type State } from "./state.ts";
import { underWay } from "./underWay.ts";

/** Where migrations are tried: a shadow, and what counts as there before anything ran. */
export interface Stage {
    readonly shadow: Shadow;
    readonly session: Pick<Session, "client" | "settings">;
    readonly start: State;
    /** What is there now, by what was committed. */
    now: State;
    readonly inner: InnerStatements | undefined;
    /** Tables that have rows on the target, as `schema.table` without quotes. */
    readonly withRows: ReadonlySet<string>;
    /** How long a statement may run, in milliseconds; default: statementLimitMs. */
    readonly limitMs?: number;
}

/** Thrown inside a trial's transaction, so that it ends as PostgreSQL would end it. */
export class TrialFailed extends Error {
    readonly failure: Failure;

    constructor(failure: Failure) {
        super(failure.message);
        this.failure = failure;
    }
}

/**
 * Runs a file statement by statement inside the caller's transaction, and looks after each at what it did.
 *
 * @param observations filled as it goes, so that what ran before a failure is known
 * @param start what counts as there; default: what the target has
 * @param before what is there when the file begins; default: what was committed
 * @returns what is there at its end
 * @throws TrialFailed
 */
export async function observeFile(
    stage: Stage,
    sql: string,
    file: string,
    observations: StatementObservation[],
    start = stage.start,
    before = stage.now,
): Promise<State> {
    const { client } = stage.shadow;
    for (const statement of await splitStatements(sql, file)) {
        const place = placeOf(file, statement);
        const inner = await guarded(stage, place, () => runOne(stage, statement));
        const after = await readNext(client, before);
        observations.push(await observationOf(place, statement.kind, inner, compareStates(start, before, after)));
        before = after;
    }
    // As the runner does after each file: deferred constraints speak up, and the role is the login's again.
    await guarded(stage, { file, line: 1, statement: "" }, async () => {
        await client.query("set constraints all immediate; reset role");
    });
    return before;
}

/**
 * Notes what the runner itself does before a file, as if it were a statement of it.
 *
 * @throws TrialFailed
 */
export async function observeWork(
    stage: Stage,
    { place, kind }: Pick<StatementObservation, "place" | "kind">,
    observations: StatementObservation[],
    start: State,
    work: () => Promise<unknown>,
): Promise<State> {
    await guarded(stage, place, work);
    const after = await readNext(stage.shadow.client, stage.now);
    const change = compareStates(start, stage.now, after);
    if (change.locks.length > 0) observations.push(await observationOf(place, kind, undefined, change));
    return after;
}

/**
 * Runs a file whose statements stand for themselves (`transaction: none`).
 *
 * @throws TrialFailed
 */
export async function runApart(
    stage: Stage,
    sql: string,
    file: string,
    observations: StatementObservation[],
): Promise<void> {
    for (const statement of await splitStatements(sql, file)) {
        const place = placeOf(file, statement);
        await guarded(stage, place, async () => {
            if (!resumption(statement)) throw new Error("this statement needs a transaction");
            await stage.shadow.client.query(statement.text);
        });
        observations.push({ ...nothing, place, kind: statement.kind, observed: false });
    }
}

/** @throws TrialFailed */
export async function runQuietly(stage: Stage, sql: string, file: string): Promise<void> {
    for (const statement of await splitStatements(sql, file)) {
        await guarded(stage, placeOf(file, statement), () => runOne(stage, statement));
    }
    await guarded(stage, { file, line: 1, statement: "" }, async () => {
        await stage.shadow.client.query("set constraints all immediate; reset role");
    });
}

const nothing = { locks: [], rewritten: [], truncated: [], indexed: [], lost: [], renamed: [] } as const;

async function observationOf(
    place: Place,
    kind: string,
    inner: readonly string[] | undefined,
    change: ReturnType<typeof compareStates>,
): Promise<StatementObservation> {
    const truncated = await truncatedOf(kind, inner ?? [], change.rewritten);
    return { place, kind, ...change, truncated, ...(inner ? { inner } : {}), observed: true };
}

async function runOne({ shadow, inner }: Stage, { text, kind, tree }: Statement): Promise<string[] | undefined> {
    const run = async () => {
        if (shadow.asPlatform?.(kind, tree)) await shadow.client.query("select simulation_db.as_platform($1)", [text]);
        else await shadow.client.query(text);
    };
    if (inner) return await inner.during(kind, run);
    await run();
    return undefined;
}

async function guarded<T>(
    { shadow, withRows, limitMs = statementLimitMs }: Stage,
    place: Place,
    work: () => Promise<T>,
): Promise<T> {
    try {
        return await withinLimit(shadow, limitMs, work);
    } catch (error) {
        const failure = failureOf(error, place, shadow.gaps);
        const isGap = (await missedRows(error as Error, place.statement, withRows)) || (await lacksRights());
        throw new TrialFailed(isGap ? { ...failure, cause: "shadow" } : failure);

        async function lacksRights(): Promise<boolean> {
            if (failure.code !== "42501") return false;
            const statements = await underWay(error as Error, place.statement);
            return statements.some(({ kind, tree }) => shadow.mayAllow?.(kind, tree) ?? false);
        }
    }
}
