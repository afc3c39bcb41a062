import { runNode, runnerMain } from "../support/node.ts";
import type { Environment } from "../support/copies.ts";

/** When the runner said that a migration was through. */
export interface Step {
    /** `0010_simulation_runs_columns` */
    readonly migration: string;
    /** Milliseconds since 1970. */
    readonly at: number;
}

/** Runs the runner as a process of its own, as the stack and a shell do, and notes when each migration was through. */
export async function migrate(environment: Environment, command: string): Promise<Step[]> {
    const steps: Step[] = [];
    await runNode([runnerMain, "migrate", ...command.split(" ")], {
        env: environment,
        onStdout: text => {
            for (const [, migration] of text.matchAll(/^(\d{4}_\w+) /gm)) {
                if (migration) steps.push({ migration, at: Date.now() });
            }
        },
    });
    return steps;
}

/** The migration that was under way at a time. */
export function duringWhich(steps: readonly Step[], at: number): string {
    return steps.find(step => step.at >= at)?.migration ?? "the end";
}
