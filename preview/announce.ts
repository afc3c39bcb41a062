import * as pulumi from "@pulumi/pulumi";
import type { Message, Presentation } from "./report/presentation.ts";
import { warningsIn } from "./report/report.ts";

/** Where the engine shows what is said of rollbacks, whose own resources are not in the program any more. */
export interface ChainResource extends pulumi.Resource {
    /** Where it shows what is said of the others: their resources, by version. */
    readonly steps: ReadonlyMap<string, pulumi.Resource>;
}

/** Says in a preview what was found, each under its own resource; in a run only what nobody has said yet. */
export async function announce(
    { report, general, rollbacks, perVersion }: Presentation,
    chain: ChainResource,
): Promise<void> {
    for (const warning of warningsIn(report)) await pulumi.log.warn(warning);
    if (!pulumi.runtime.isDryRun()) return;
    for (const message of general) await say(message);
    for (const message of rollbacks) await say(message, chain);
    for (const [version, message] of perVersion) await say(message, chain.steps.get(version));
}

async function say({ severity, lines }: Message, resource?: pulumi.Resource): Promise<void> {
    await pulumi.log[severity](lines.join("\n"), resource);
}
