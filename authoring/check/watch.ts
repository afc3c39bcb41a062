import { watch } from "node:fs";
import { setTimeout } from "node:timers/promises";

/** An editor writes a file in several steps: what comes within this time is one change, in milliseconds. */
const settleMs = 150;

/** Does the work now, and again after each change below the folder, never two at once. Does not return. */
export async function onEachChange(folder: string, work: () => Promise<void>): Promise<never> {
    let notify = () => {};
    let changed = Promise.resolve();
    const arm = () => {
        changed = new Promise<void>(resolve => {
            notify = resolve;
        });
    };
    arm();
    watch(folder, { recursive: true }, () => notify());
    for (;;) {
        await work();
        await changed;
        await setTimeout(settleMs);
        arm();
    }
}
