import { join } from "node:path";
import type { Environment } from "../runner/database/connection.ts";
import { readBucketDrift } from "./drift/bucket.ts";
import { driftOf } from "./drift/drift.ts";
import { keepSeen, requireAsSeen, requireSameLedger } from "./drift/seen.ts";
import { readSnapshot } from "./drift/snapshot.ts";
import type { FindingSettings } from "./findings/scene.ts";
import { previewFolder } from "./folder.ts";
import type { GateSettings } from "./gates.ts";
import type { Remembered } from "./remembered.ts";
import { type Presentation, present, reportFolder } from "./report/presentation.ts";
import type { Warnings } from "./report/report.ts";
import type { Target } from "./target.ts";
import { rehearse } from "./trial/rehearsal.ts";

export interface PredictionOptions {
    readonly stack: string;
    /** libpq's variables of the target, and the runner's settings. */
    readonly environment: Environment;
    readonly target: Pick<Target, "chain" | "toRollBack">;
    readonly remembered: Remembered;
    readonly warnings: Warnings;
    /** Roles that the stack makes itself, before its first migration. */
    readonly stackRoles: readonly string[];
    readonly review: FindingSettings & GateSettings;
    /** Whether this is the run itself, which must find what its preview saw. */
    readonly doing: boolean;
    readonly say: (line: string) => void;
}

export interface Prediction extends Presentation {
    /** Whether the bucket's settings are not as the stack left them, which its step puts right. */
    readonly bucketStrayed: boolean;
}

const bucketNotChecked = "the bucket's settings are not compared: this login may not read them";

/**
 * Runs on a shadow what an update would run on the target, holds what is found against the gates, writes the reports,
 * and puts it into words.
 *
 * @throws UserError when the target was changed after the preview, or by another run while this one looked at it
 */
export async function predict(options: PredictionOptions): Promise<Prediction> {
    const { stack, environment, target, stackRoles, review } = options;
    const pending = target.chain.pending;
    const { toRollBack } = target;
    // What they read has nothing to do with each other, and a target may be far away.
    const [rehearsal, snapshot, bucketDrift] = await Promise.all([
        rehearse({
            environment,
            pending,
            toRollBack,
            stackRoles,
            cacheFolder: join(previewFolder, "cache"),
            say: options.say,
        }),
        readSnapshot(environment),
        readBucketDrift(environment, options.remembered.database !== undefined),
    ]);
    requireSameLedger(target.chain, rehearsal.look);
    if (options.doing) await requireAsSeen(reportFolder(stack), rehearsal.look);
    const catalogDrift = driftOf(rehearsal.look, snapshot);
    const drift = {
        ...catalogDrift,
        changes: [...catalogDrift.changes, ...(bucketDrift?.changes ?? [])],
        ...(bucketDrift === undefined ? { bucketNotChecked } : {}),
    };
    const presentation = await present({
        stack,
        rehearsal,
        pending,
        toRollBack,
        drift,
        warnings: options.warnings,
        settings: review,
        gates: review,
    });
    if (!options.doing) await keepSeen(reportFolder(stack), rehearsal.look);
    return { ...presentation, bucketStrayed: bucketDrift?.strayed ?? false };
}

/** @throws UserError that names what closed a gate */
export function requireOpen({ stop }: Presentation): void {
    if (stop) throw stop;
}
