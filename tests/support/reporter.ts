import { writeFileSync } from "node:fs";
import Mocha from "mocha";

/** What mocha counted over all files, however many processes ran them. */
export interface Totals {
    readonly passed: number;
    readonly failed: number;
    readonly skipped: number;
}

/** mocha's `spec`, which also leaves its totals in the file that the option `totals` names. */
export default class TotalsReporter extends Mocha.reporters.Spec {
    constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
        super(runner, options);
        const file: unknown = options.reporterOptions?.totals;
        if (typeof file !== "string") throw new Error("the reporter needs --reporter-option totals=FILE");
        runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
            const { passes, failures, pending } = this.stats;
            writeFileSync(
                file,
                JSON.stringify({ passed: passes, failed: failures, skipped: pending } satisfies Totals),
            );
        });
    }
}
