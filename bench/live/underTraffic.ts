import { fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type Completion, type Felt, feltBetween, type Order } from "./completion.ts";
import type { Environment } from "../support/copies.ts";

/** Before and after the work, in milliseconds: caches and plans of the traffic are warm, queues have emptied. */
const leadMs = 1500;
const tailMs = 300;

/** What a piece of work did to the traffic. */
export interface Disturbance extends Felt {
    readonly tookMs: number;
    /** When the work began, in milliseconds since 1970. */
    readonly from: number;
    readonly completions: readonly Completion[];
}

/** Does the work while four clients read, change and add runs. @param environment libpq's variables of the database */
export async function underTraffic(environment: Environment, work: () => Promise<unknown>): Promise<Disturbance> {
    const traffic = fork(join(import.meta.dirname, "traffic.ts"), {
        env: { PATH: process.env.PATH, ...environment },
        stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const ended = new Promise<never>((_, reject) => {
        traffic.once("error", reject);
        traffic.once("exit", code => reject(new Error(`the traffic ended early (${code})`)));
    });
    ended.catch(() => {});
    const message = () => new Promise<unknown>(resolve => traffic.once("message", resolve));
    try {
        await Promise.race([message(), ended]);
        await setTimeout(leadMs);
        const from = Date.now();
        await Promise.race([work(), ended]);
        const to = Date.now();
        await setTimeout(tailMs);
        traffic.send("end" satisfies Order);
        const completions = (await Promise.race([message(), ended])) as Completion[];
        return { tookMs: to - from, from, completions, ...feltBetween(completions, from, to) };
    } finally {
        traffic.kill("SIGKILL");
    }
}
