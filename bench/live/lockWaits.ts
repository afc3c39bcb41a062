/** One statement of the traffic that had to wait for somebody's lock. */
export interface LockWait {
    readonly tookMs: number;
    /** When it began to wait, in milliseconds since 1970. */
    readonly since: number;
}

/** The name that the traffic's sessions bear in the server's log. */
export const trafficName = "traffic";

/**
 * Makes the server write down who waited for a lock, as soon as it is 5 ms: a stall that a lock causes is thus told
 * from one of a busy machine.
 */
export const lockWaitSettings = {
    log_lock_waits: "on",
    deadlock_timeout: "5ms",
    log_line_prefix: "%n %d %a ",
};

/** The waits of the traffic in one database, as the server's log tells them. */
export function readLockWaits(log: string, database: string): LockWait[] {
    const line = new RegExp(
        `^(\\d+\\.\\d+) ${database} ${trafficName} LOG:  process \\d+ acquired \\w+ on .* after (\\d+\\.\\d+) ms$`,
        "gm",
    );
    return [...log.matchAll(line)].map(([, at, ms]) => ({ tookMs: Number(ms), since: Number(at) * 1000 - Number(ms) }));
}
