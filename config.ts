import * as pulumi from "@pulumi/pulumi";
import type { PromotionSettings } from "./preview/promotion.ts";
import {
    checkedConfig,
    type ConfigValues,
    embedded,
    placeOf,
    type Review,
    reviewOf,
    runnerSettings,
} from "./configKeys.ts";

/** What a stack says, checked. Descriptions, types and defaults of all keys are in Pulumi.yaml. */
export interface StackConfig {
    /** `project/stack`, as the ledger names it. */
    readonly stack: string;
    /** Whether the database is the local default, whose place is in the environment and no resource's input. */
    readonly embedded: boolean;
    readonly databaseName: string;
    /** The role behind the login: a pooler's login is `role.project`. */
    readonly databaseRole: string;
    /** Empty: whichever database the stack was applied to first. */
    readonly databaseIdentity: string;
    readonly bucketName: string;
    /** In bytes. */
    readonly datasetMaxBytes: number;
    /** Version; empty: each migration has a resource of its own. */
    readonly squashThrough: string;
    readonly backup: { readonly mode: ConfigValues["backup"]; readonly folder: string; readonly keep: number };
    /** Whether a rollback keeps the rows that it removes. */
    readonly archive: boolean;
    readonly protect: boolean;
    readonly review: Review;
    /** What must have run elsewhere first. */
    readonly promotion: PromotionSettings;
    /** What the runner's steps are told, under the names that it and libpq read. */
    readonly environment: Readonly<Record<string, string>>;
}

/**
 * Reads and checks the config of the stack: the only place where the engine's config is read.
 *
 * @throws UserError that lists every fault: see {@link checkedConfig}
 */
export function readConfig(): StackConfig {
    const texts = pulumi.runtime.allConfig();
    const encrypted = Object.keys(texts).filter(isEncrypted);
    const values = checkedConfig({ stack: pulumi.getStack(), texts, encrypted });
    const stack = `${pulumi.getProject()}/${pulumi.getStack()}`;
    return {
        stack,
        embedded: values.databaseHost === embedded,
        databaseName: values.databaseName,
        databaseRole: values.databaseUser.split(".")[0] ?? values.databaseUser,
        databaseIdentity: values.databaseIdentity,
        bucketName: values.bucketName,
        datasetMaxBytes: values.datasetMaxBytes,
        squashThrough: values.squashThrough,
        backup: { mode: values.backup, folder: values.backupFolder, keep: values.backupKeep },
        archive: values.archive,
        protect: values.protect,
        review: reviewOf(values),
        promotion: {
            from: values.promotedFrom && `${pulumi.getProject()}/${values.promotedFrom}`,
            key: values.promotionKey,
        },
        environment: { SIMULATION_DB_STACK: stack, ...runnerSettings(values), ...placeOf(values) },
    };
}

/** The SDK knows it and does not say so in its types; an SDK that does not know it any more finds none. */
function isEncrypted(name: string): boolean {
    const runtime = pulumi.runtime as { readonly isConfigSecret?: (name: string) => boolean };
    return runtime.isConfigSecret?.(name) ?? false;
}

/** How the postgresql provider connects; for the embedded default by libpq's variables alone. */
export function providerConnection({ embedded: isLocal, environment, databaseRole }: StackConfig) {
    if (isLocal) return {};
    return {
        host: environment.PGHOST,
        port: Number(environment.PGPORT),
        database: environment.PGDATABASE,
        username: environment.PGUSER,
        databaseUsername: databaseRole,
        sslmode: environment.PGSSLMODE,
        sslrootcert: environment.PGSSLROOTCERT,
    };
}
