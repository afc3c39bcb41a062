import pg from "pg";
import { clientConfig } from "../support/database.ts";
import type { Environment } from "../support/copies.ts";

/** How long the reader does nothing in its transaction, in milliseconds. */
export const idleMs = 10_000;

/**
 * Does the work while somebody has read a row of simulation_runs and forgot to end the transaction: until it ends, the
 * lock on the table keeps every `alter table` waiting.
 */
export async function besideIdleReader<T>(environment: Environment, work: () => Promise<T>): Promise<T> {
    const reader = new pg.Client({ ...clientConfig(environment), application_name: "idle reader" });
    await reader.connect();
    await reader.query("begin");
    await reader.query("select id from public.simulation_runs limit 1");
    const leaves = setTimeout(() => void reader.query("commit"), idleMs);
    try {
        return await work();
    } finally {
        clearTimeout(leaves);
        await reader.end();
    }
}
