import type { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { datasetMimeTypes } from "../runner/datasetFileTypes.ts";
import { runnerStep, type StepEnvironment } from "./runnerStep.ts";

/** What the bucket is like. */
export interface DatasetBucketArgs {
    readonly name: string;
    /** Largest file, in bytes. */
    readonly maxBytes: number;
    /** Whether somebody changed its settings since. */
    readonly strayed: boolean;
    readonly environment: StepEnvironment;
    /** What must exist before: the migrations that hold the bucket's name and limit in the database. */
    readonly after: readonly pulumi.Resource[];
}

/**
 * The private bucket of the datasets. Destroying it is refused while it holds files; one that was there before stays, and
 * while it holds files it is not made public again.
 */
export class DatasetBucket extends pulumi.ComponentResource {
    readonly step: local.Command;

    constructor(name: string, args: DatasetBucketArgs, opts: pulumi.ComponentResourceOptions = {}) {
        super("simulation-db:storage:DatasetBucket", name, {}, opts);
        this.step = runnerStep(
            `${name}-bucket`,
            { create: "bucket put", update: "bucket put", delete: "bucket remove" },
            {
                environment: args.environment,
                stdin: JSON.stringify({ name: args.name, maxBytes: args.maxBytes, mimeTypes: datasetMimeTypes }),
                again: args.strayed,
            },
            { parent: this, dependsOn: [...args.after] },
        );
        this.registerOutputs({ name: args.name });
    }
}
