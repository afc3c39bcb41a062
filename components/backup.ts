import type { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { BackupSettings } from "../runner/backup/settings.ts";
import { runnerStep, type StepEnvironment } from "./runnerStep.ts";

/** How a backup is made, and after what. */
export interface BackupArgs {
    readonly settings: BackupSettings;
    readonly environment: StepEnvironment;
    readonly after: readonly pulumi.Resource[];
}

/**
 * A dump before migrations run or are rolled back by an update. Another one by each run that is to change something, also
 * by one that goes on with what failed before: rows were written meanwhile. And where its settings changed.
 */
export class BackupBeforeChanges extends pulumi.ComponentResource {
    readonly taken: local.Command;
    /** The last backup, with its id and path, or why there is none. */
    readonly last: pulumi.Output<string>;

    constructor(
        name: string,
        { settings, environment, after, changes }: BackupArgs & { readonly changes: boolean },
        opts: pulumi.ComponentResourceOptions = {},
    ) {
        super("simulation-db:database:BackupBeforeChanges", name, {}, opts);
        this.taken = runnerStep(
            `${name}-dump`,
            { create: "backup create --stdin", update: "backup create --stdin" },
            { environment, stdin: JSON.stringify({ settings }), again: changes },
            { parent: this, dependsOn: [...after] },
        );
        // The line ends with the database, which is an output of its own.
        this.last = this.taken.stdout.apply(line => line.replace(/ on \d+\/.*$/, ""));
        this.registerOutputs();
    }
}

/**
 * A dump before a destroy: it depends on everything else, so its delete is the first to run. A destroy does not run the
 * program, so this is also what stops one that is pointed at another database, before a grant is taken back there.
 */
export class BackupBeforeDestroy extends pulumi.ComponentResource {
    constructor(
        name: string,
        { settings, environment, after, identity }: BackupArgs & { readonly identity: string },
        opts: pulumi.ComponentResourceOptions = {},
    ) {
        super("simulation-db:database:BackupBeforeDestroy", name, {}, opts);
        runnerStep(
            `${name}-dump`,
            { delete: "backup create --stdin" },
            {
                environment: { ...environment, SIMULATION_DB_IDENTITY: identity },
                stdin: JSON.stringify({ settings }),
            },
            { parent: this, dependsOn: [...after] },
        );
        this.registerOutputs();
    }
}
