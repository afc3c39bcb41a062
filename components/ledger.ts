import type { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { runnerStep, type StepEnvironment } from "./runnerStep.ts";

export interface LedgerArgs {
    /** The database that the program sees now. */
    readonly identity: string;
    /** The query that must return no row before the first migration. */
    readonly preconditions: string;
    readonly environment: StepEnvironment;
    /** What must exist before: the roles that the migrations name. */
    readonly after: readonly pulumi.Resource[];
}

/** The stack's hold on its database: claimed before the first migration, given free after the last rollback. */
export class Ledger extends pulumi.ComponentResource {
    readonly claim: local.Command;
    /** The database, once it is claimed: a run that fails before leaves nothing for the state to remember. */
    readonly claimed: pulumi.Output<string>;

    constructor(
        name: string,
        { identity, preconditions, environment, after }: LedgerArgs,
        opts: pulumi.ComponentResourceOptions = {},
    ) {
        super("simulation-db:database:Ledger", name, {}, opts);
        this.claim = runnerStep(
            `${name}-claim`,
            { create: "ledger claim", update: "ledger claim", delete: "ledger release" },
            { environment, stdin: `-- database: ${identity}\n${preconditions}` },
            { parent: this, dependsOn: [...after] },
        );
        this.claimed = this.claim.stdout.apply(() => identity);
        this.registerOutputs({ identity });
    }
}
