import { local } from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";

/** What every step of the runner is told through its environment: nothing secret, nothing of this machine. */
export type StepEnvironment = Readonly<Record<string, string>>;

/** The runner's commands for the verbs of a resource, for example `migrate up --stdin`. */
export interface StepCommands {
    readonly create?: string;
    readonly update?: string;
    readonly delete?: string;
}

/** What a step is told. */
export interface StepInputs {
    readonly environment: StepEnvironment;
    readonly stdin: string;
    /**
     * For a step that may have to run again with the same inputs: whether it has to now. The time at which it was asked
     * is an input then, and one that does not count otherwise, so that the run after that has nothing to do.
     */
    readonly again?: boolean;
}

/**
 * One call of the runner as a resource. Its commands are constant text, so only stdin and environment can change it;
 * nothing replaces it but a person (`--replace`, `pulumi state taint`). Then it is deleted first: what is created beside
 * the old one finds all done, and would go with it.
 */
export function runnerStep(
    name: string,
    commands: StepCommands,
    { environment, stdin, again }: StepInputs,
    given: pulumi.CustomResourceOptions,
): local.Command {
    const verbs = Object.fromEntries(
        Object.entries(commands).map(([verb, text]) => [verb, `node runner/main.ts ${text}`]),
    );
    const opts = { ...given, deleteBeforeReplace: true };
    if (again === undefined) {
        return new local.Command(name, { ...verbs, environment: { ...environment }, stdin }, opts);
    }
    const asked = { ...environment, SIMULATION_DB_ASKED_AT: new Date().toISOString() };
    const ignoreChanges = again ? [] : ["environment.SIMULATION_DB_ASKED_AT"];
    return new local.Command(name, { ...verbs, environment: asked, stdin }, { ...opts, ignoreChanges });
}
