import { shortName } from "../runner/database/settings.ts";

/** Name of the project, as the engine's files have it. */
export const project = "simulation-db";

/** What the engine calls the step of a migration, or of several: components/migrationChain.ts. */
export function migrationStep(stack: string, versionOrSquash: string): string {
    return stepUrn(stack, "MigrationChain", `schema-${versionOrSquash}`);
}

/** The same of the ledger: components/ledger.ts. */
export function ledgerStep(stack: string, name: "claim" | "hold"): string {
    return stepUrn(stack, "Ledger", `ledger-${name}`);
}

/** The same of the backup before changes: components/backup.ts. */
export function backupStep(stack: string): string {
    return stepUrn(stack, "BackupBeforeChanges", "backup-dump");
}

function stepUrn(stack: string, component: string, name: string): string {
    return `urn:pulumi:${shortName(stack)}::${project}::${project}:database:${component}$command:local:Command::${name}`;
}
