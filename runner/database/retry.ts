import { setTimeout } from "node:timers/promises";
import { type Blocker, BlockerWatch } from "./blockers.ts";
import type { Session } from "./session.ts";
import type { Directives } from "../migration/directives.ts";
import type { Say } from "../output.ts";
import { recordedByUp } from "./settings.ts";
import { inWords, isPassing } from "./sqlError.ts";
import { inTransaction } from "./transaction.ts";
import { UserError } from "../userError.ts";

/** Between two attempts, in milliseconds: long enough for the traffic that queued up to pass. */
const pauseMs = { shortest: 250, longest: 2000 };

/**
 * Of the attempts after the first ones each tenth is told: the state keeps what a step says, and the plugin hands that on
 * in a variable, of which Linux takes 128 KiB.
 */
const isTold = (tries: number) => tries <= 20 || tries % 10 === 0;

/** So many of those who have the lock are named. */
const namedBlockers = 3;

/**
 * Does the work again while it fails for a reason that passes (a lock not had in time, a deadlock, a serialization
 * failure), with growing, jittered pauses, and for as long as the settings say. From the second attempt on it says who is
 * in the way.
 *
 * @throws UserError with the last error and the number of attempts; what does not pass, as it is
 */
export async function withRetries<T>(
    session: Pick<Session, "client" | "settings" | "beside">,
    say: Say,
    attempt: () => Promise<T>,
): Promise<T> {
    const forMs = session.settings.retryForMs;
    const deadline = Date.now() + forMs;
    const watch = new BlockerWatch(session);
    let named = "";
    try {
        for (let tries = 1; ; tries += 1) {
            try {
                return await attempt();
            } catch (thrown) {
                const error = inWords(thrown);
                if (!isPassing(thrown) || !(error instanceof UserError)) throw thrown;
                const blockers = watch.take();
                const pause =
                    Math.min(pauseMs.longest, pauseMs.shortest * 2 ** (tries - 1)) * (0.5 + Math.random() / 2);
                if (Date.now() + pause > deadline) {
                    const held = blockers.length === 0 ? "" : `\n  the lock is held by ${names(blockers)}`;
                    throw new UserError(
                        `${error.message}${held}\n  tried ${tries} times in ${Math.round(forMs / 1000)} s`,
                        nextSteps(blockers),
                    );
                }
                if (isTold(tries))
                    say(
                        `attempt ${tries} gave way to traffic: ${error.message.split("\n")[0]}; again in ${Math.round(pause)} ms`,
                    );
                const pids = blockers.map(({ pid }) => pid).join();
                if (isTold(tries) && blockers.length > 0 && pids !== named) {
                    say(`the lock is held by ${names(blockers)}`);
                    named = pids;
                }
                watch.begin();
                await setTimeout(pause);
            }
        }
    } finally {
        await watch.end();
    }
}

/**
 * Does the work in one transaction ({@link inTransaction}), and all of it again while it fails for a reason that passes.
 *
 * @param directives timeouts of the migration; the stack's where it has none
 */
export async function inRetriedTransaction<T>(
    session: Pick<Session, "client" | "settings" | "beside">,
    directives: Pick<Directives, "lockTimeoutMs" | "statementTimeoutMs">,
    say: Say,
    work: () => Promise<T>,
): Promise<T> {
    return await withRetries(session, say, () => inTransaction(session.client, directives, session.settings, work));
}

/**
 * One attempt of several, before each of which but the first something is looked at again: others have gone on while the
 * last one waited.
 */
export function lookingAgain<Given extends unknown[], T>(
    look: () => Promise<unknown>,
    attempt: (...given: Given) => Promise<T>,
): (...given: Given) => Promise<T> {
    let isFirst = true;
    return async (...given) => {
        if (!isFirst) await look();
        isFirst = false;
        return await attempt(...given);
    };
}

function names(blockers: readonly Blocker[]): string {
    const more = blockers.length - namedBlockers;
    const first = blockers.slice(0, namedBlockers).map(({ who }) => who);
    return [...first, ...(more > 0 ? [`${more} more`] : [])].join("; ");
}

function nextSteps(blockers: readonly Blocker[]): string[] {
    const [first] = blockers;
    const again = "run the same command again when that transaction has ended";
    // A prepared transaction is no process: the error says where it is found.
    if (first?.pid === 0) return [again];
    if (!first || (first.user ?? first.autovacuum) === null) {
        return [
            "see who holds the lock: select pid, usename, state, xact_start, query from pg_stat_activity order by xact_start",
            again,
        ];
    }
    if (first.autovacuum === null) {
        return [`if it may be ended: select pg_terminate_backend(${first.pid})`, again];
    }
    // What keeps the database from running out of transaction numbers is not ended for anybody.
    if (/wraparound/.test(first.autovacuum)) return ["run the same command again when autovacuum is through"];
    const longer = (Math.ceil(first.deadlockTimeoutMs / 1000) + 1) * 1000;
    return [
        `PostgreSQL ends autovacuum for whoever waits longer than ${first.deadlockTimeoutMs} ms: for one run, set lockTimeoutMs to ${longer} in Pulumi.STACK.yaml (from a shell: SIMULATION_DB_LOCK_TIMEOUT_MS=${longer}); others wait as long`,
        recordedByUp,
        "or run the same command again when it is through",
    ];
}
