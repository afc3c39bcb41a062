import type { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { encode, type Migration } from "../runner/migration/migration.ts";
import { runnerStep, type StepEnvironment } from "./runnerStep.ts";

export interface MigrationChainArgs {
    /** In the order they are applied; rolled back in reverse. */
    readonly migrations: readonly Migration[];
    readonly environment: StepEnvironment;
    /** What must exist before the first migration, in order: the ledger's claim, a backup. */
    readonly after: readonly pulumi.Resource[];
}

/**
 * One resource per migration, named by version alone, each after the one before it. The state keeps all three texts,
 * so a rollback needs neither the files nor the branch they came from.
 */
export class MigrationChain extends pulumi.ComponentResource {
    /** One per migration, in order. */
    readonly steps: readonly local.Command[];
    /** Whoever comes after it comes after all of them; none when there is no migration. */
    readonly last: readonly local.Command[];
    /** Version of the last one, once it is applied: the state must not remember one that failed. */
    readonly newest: pulumi.Output<string>;

    constructor(
        name: string,
        { migrations, environment, after }: MigrationChainArgs,
        opts: pulumi.ComponentResourceOptions = {},
    ) {
        super("simulation-db:database:MigrationChain", name, {}, opts);
        const steps: local.Command[] = [];
        for (const migration of migrations) {
            const previous = steps.at(-1);
            steps.push(
                runnerStep(
                    `${name}-${migration.version}`,
                    { create: "migrate up --stdin", update: "migrate record --stdin", delete: "migrate down --stdin" },
                    { environment, stdin: encode(migration) },
                    { parent: this, dependsOn: previous ? [previous] : [...after] },
                ),
            );
        }
        this.steps = steps;
        this.last = steps.slice(-1);
        this.newest = pulumi
            .all(this.last.map(({ stdout }) => stdout))
            .apply(() => migrations.at(-1)?.version ?? "0000");
        this.registerOutputs();
    }
}
