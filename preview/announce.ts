import * as pulumi from "@pulumi/pulumi";
import { fileName, label, type Migration, summary } from "../runner/migration/migration.ts";
import type { Target } from "./target.ts";

/**
 * Says in a preview what each pending migration is for, under its own resource, and what an update would roll back,
 * for which the engine gives no resource to speak under.
 */
export function announce(
    { chain, warnings }: Target,
    migrations: readonly Migration[],
    steps: readonly pulumi.Resource[],
): void {
    for (const warning of warnings) void pulumi.log.warn(warning);
    if (!pulumi.runtime.isDryRun()) return;
    const pending = new Set(chain.pending.map(({ version }) => version));
    for (const [index, migration] of migrations.entries()) {
        if (!pending.has(migration.version)) continue;
        void pulumi.log.info(`pending: ${summary(migration)} (${fileName(migration, "up")})`, steps[index]);
    }
    for (const row of chain.removed) {
        void pulumi.log.warn(
            `${label(row)} is applied but no longer in the sql folder: it will be rolled back by the down that the state keeps`,
        );
    }
}
