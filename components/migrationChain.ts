import type { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { encode, encodeAll, type Migration } from "../runner/migration/migration.ts";
import { runnerStep, type StepCommands, type StepEnvironment } from "./runnerStep.ts";

/** What is applied, and how it is cut into resources. */
export interface MigrationChainArgs {
    /** In the order they are applied; rolled back in reverse. */
    readonly migrations: readonly Migration[];
    /** Up to this version they are one resource, the squash; empty: each is one. */
    readonly squashThrough: string;
    readonly environment: StepEnvironment;
    /** What must exist before the first migration, in order: the ledger's claim, a backup. */
    readonly after: readonly pulumi.Resource[];
}

/**
 * One resource per migration, named by version alone, each after the one before it; the oldest may be one together, so
 * that the engine has less to go through. The state keeps all three texts of each, so a rollback needs neither the files
 * nor the branch they came from.
 */
export class MigrationChain extends pulumi.ComponentResource {
    /** By version. */
    readonly steps: ReadonlyMap<string, local.Command>;
    /** Whoever comes after it comes after all of them; none when there is no migration. */
    readonly last: readonly local.Command[];
    /** Version of the last one, once it is applied: the state must not remember one that failed. */
    readonly newest: pulumi.Output<string>;

    constructor(
        name: string,
        { migrations, squashThrough, environment, after }: MigrationChainArgs,
        opts: pulumi.ComponentResourceOptions = {},
    ) {
        super("simulation-db:database:MigrationChain", name, {}, opts);
        const steps = new Map<string, local.Command>();
        let previous = [...after];
        const add = (suffix: string, commands: StepCommands, stdin: string) => {
            const place = { parent: this, dependsOn: previous };
            const step = runnerStep(`${name}-${suffix}`, commands, { environment, stdin }, place);
            previous = [step];
            return step;
        };
        const squashed = migrations.filter(({ version }) => version <= squashThrough);
        if (squashed.length > 0) {
            const step = add("squash", squashCommands, encodeAll(squashed));
            for (const { version } of squashed) steps.set(version, step);
        }
        for (const migration of migrations.slice(squashed.length)) {
            steps.set(migration.version, add(migration.version, migrationCommands, encode(migration)));
        }
        this.steps = steps;
        this.last = [...steps.values()].slice(-1);
        this.newest = pulumi
            .all(this.last.map(({ stdout }) => stdout))
            .apply(() => migrations.at(-1)?.version ?? "0000");
        this.registerOutputs();
    }
}

const migrationCommands = {
    create: "migrate up --stdin",
    update: "migrate record --stdin",
    delete: "migrate down --stdin",
};
/** The same migrations or others: either way those are applied that are not. */
const squashCommands = { create: "squash up --stdin", update: "squash up --stdin", delete: "squash down --stdin" };
