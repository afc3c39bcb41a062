import type pg from "pg";
import type { Shadow } from "../shadow/shadow.ts";

/** How long a statement may run on a shadow, whose tables are empty, in milliseconds. */
export const statementLimitMs = 60_000;

/** Thrown in place of what the server says of a statement that was cancelled here. */
export class TookTooLong extends Error {
    constructor(ms: number) {
        super(
            `it had not ended after ${ms / 1000} s on the shadow and was cancelled; whether it ends on the target is not known`,
        );
    }
}

/**
 * Cancels what the client runs when it takes too long. From another session and not by statement_timeout, which a
 * migration may set itself, and whose words would be those of the migration's own limit.
 *
 * @throws TookTooLong, and whatever the work throws before
 */
export async function withinLimit<T>(
    { client, admin }: Pick<Shadow, "client" | "admin">,
    ms: number,
    work: () => Promise<T>,
): Promise<T> {
    // Set by pg when it has connected; its types do not know.
    const { processID } = client as pg.Client & { processID: number };
    let cancelled: Promise<unknown> | undefined;
    const timer = setTimeout(() => {
        cancelled = admin.query("select pg_cancel_backend($1)", [processID]).catch(() => {});
    }, ms);
    try {
        return await work();
    } catch (error) {
        throw cancelled ? new TookTooLong(ms) : error;
    } finally {
        clearTimeout(timer);
        // So that it does not hit what the client runs next.
        await cancelled;
    }
}
