import { inWords, isPassing } from "./sqlError.ts";
import { UserError } from "../userError.ts";

/** Between two attempts, in milliseconds: long enough for the traffic that queued up to pass. */
const pauseMs = { shortest: 250, longest: 2000 };

/**
 * Does the work again while it fails for a reason that passes (a lock not had in time, a deadlock, a serialization
 * failure), with growing, jittered pauses.
 *
 * @param forMs no new attempt starts later than this, in milliseconds
 * @throws the last error, with the number of attempts
 */
export async function withRetries<T>(
    forMs: number,
    say: (line: string) => void,
    attempt: () => Promise<T>,
): Promise<T> {
    const deadline = Date.now() + forMs;
    for (let tries = 1; ; tries += 1) {
        try {
            return await attempt();
        } catch (thrown) {
            const error = inWords(thrown);
            if (!isPassing(thrown) || !(error instanceof UserError)) throw thrown;
            const pause = Math.min(pauseMs.longest, pauseMs.shortest * 2 ** (tries - 1)) * (0.5 + Math.random() / 2);
            if (Date.now() + pause > deadline) {
                throw new UserError(`${error.message}\n  tried ${tries} times in ${Math.round(forMs / 1000)} s`, [
                    "see who holds the lock: select pid, usename, state, xact_start, query from pg_stat_activity order by xact_start",
                    "run the same command again when that transaction has ended",
                ]);
            }
            say(
                `attempt ${tries} gave way to traffic: ${error.message.split("\n")[0]}; again in ${Math.round(pause)} ms`,
            );
            await new Promise(resolve => setTimeout(resolve, pause));
        }
    }
}
