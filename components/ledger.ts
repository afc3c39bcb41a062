import type { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { runnerStep, type StepEnvironment } from "./runnerStep.ts";

/** What the stack claims, and for whom. */
export interface LedgerArgs {
    /** The database that the program sees now. */
    readonly identity: string;
    /** The query that must return no row before the first migration. */
    readonly preconditions: string;
    /** Roles that the stack makes after its claim: the preconditions need not find them yet. */
    readonly roles: readonly string[];
    /** Version of the last migration of the squash, or empty: written down before any resource goes. */
    readonly squashThrough: string;
    /** The same as the ledger has it, where nothing but another claim would mend that. */
    readonly strayed: string | undefined;
    readonly environment: StepEnvironment;
}

/**
 * The stack's hold on its database. It is claimed before anything is made, so that of two stacks the second stops with
 * nothing done; and it is given free before the roles go, which is refused while migrations are applied that need them.
 * One step cannot be both.
 */
export class Ledger extends pulumi.ComponentResource {
    readonly claim: local.Command;
    /** The database, once it is claimed: a run that fails before leaves nothing for the state to remember. */
    readonly claimed: pulumi.Output<string>;
    readonly #name: string;
    readonly #step: { readonly environment: StepEnvironment; readonly stdin: string };

    constructor(
        name: string,
        { identity, preconditions, roles, squashThrough, strayed, environment }: LedgerArgs,
        opts: pulumi.ComponentResourceOptions = {},
    ) {
        super("simulation-db:database:Ledger", name, {}, opts);
        this.#name = name;
        const head = [
            `-- database: ${identity}`,
            `-- roles: ${roles.join(", ")}`,
            `-- squashed through: ${squashThrough || "none"}${strayed === undefined ? "" : ` (in the ledger: ${strayed || "none"})`}`,
        ];
        const stdin = [...head, preconditions].join("\n");
        this.#step = { environment, stdin };
        this.claim = runnerStep(`${name}-claim`, { create: "ledger claim", update: "ledger claim" }, this.#step, {
            parent: this,
        });
        this.claimed = this.claim.stdout.apply(() => identity);
        this.registerOutputs({ identity });
    }

    /** Gives the database free in a destroy. @param after what goes only then */
    releasedBefore(after: readonly pulumi.Resource[]): local.Command {
        return runnerStep(
            `${this.#name}-hold`,
            { create: "ledger claim", update: "ledger claim", delete: "ledger release" },
            this.#step,
            { parent: this, dependsOn: [this.claim, ...after] },
        );
    }
}
