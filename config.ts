import * as pulumi from "@pulumi/pulumi";
import { UserError } from "./runner/userError.ts";

const backupModes = ["required", "optional", "off"] as const;
const gateSettings = ["default", "strict"] as const;
const driftSettings = ["warn", "stop"] as const;
const sslModes = ["verify-full", "verify-ca", "require", "disable"] as const;

/** The value of databaseHost and storageUrl that means the local default. */
const embedded = "embedded";

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
    readonly backup: { readonly mode: (typeof backupModes)[number]; readonly folder: string; readonly keep: number };
    readonly protect: boolean;
    /** What a preview looks for, and what stops it. */
    readonly review: {
        readonly gates: (typeof gateSettings)[number];
        /** In milliseconds, by estimate. */
        readonly maxLockMs: number;
        /** Beside public. */
        readonly exposedSchemas: readonly string[];
        readonly requireVerified: boolean;
        readonly drift: (typeof driftSettings)[number];
    };
    /** What the runner's steps are told, under the names that it and libpq read. */
    readonly environment: Readonly<Record<string, string>>;
}

/**
 * Reads and checks the config of the stack.
 *
 * @throws UserError that lists every key that is missing, out of its range, or still a placeholder
 */
export function readConfig(config = new pulumi.Config()): StackConfig {
    const stack = pulumi.getStack();
    const faults: string[] = [];

    const text = (key: string): string => {
        const value = config.get(key) ?? "";
        if (/[<>]/.test(value)) faults.push(`${key} is still the placeholder ${value}`);
        return value;
    };
    const required = (key: string): string => {
        const value = text(key);
        if (value === "") faults.push(`${key} is empty`);
        return value;
    };
    const oneOf = <T extends string>(key: string, allowed: readonly T[]): T => {
        const value = text(key) as T;
        if (!allowed.includes(value)) faults.push(`${key} is "${value}": allowed are ${allowed.join(", ")}`);
        return value;
    };
    const yes = (key: string): boolean => oneOf(key, ["true", "false"]) === "true";
    const whole = (key: string, least: number, most: number): number => {
        const value = text(key);
        const number = Number(value);
        if (!/^\d+$/.test(value) || number < least || number > most) {
            faults.push(`${key} is "${value}": a whole number from ${least} to ${most} is needed`);
        }
        return number;
    };

    const host = required("databaseHost");
    const storageUrl = required("storageUrl");
    const databaseName = required("databaseName");
    const user = required("databaseUser");
    const sslMode = oneOf("databaseSslMode", sslModes);
    const caFile = text("databaseCaFile");
    const databaseIdentity = text("databaseIdentity");
    const bucketName = required("bucketName");
    const place = {
        PGHOST: host,
        PGPORT: String(whole("databasePort", 1, 65_535)),
        PGDATABASE: databaseName,
        PGUSER: user,
        PGSSLMODE: sslMode,
        ...(caFile ? { PGSSLROOTCERT: caFile } : {}),
        SUPABASE_URL: storageUrl,
    };
    const checked: StackConfig = {
        stack: `${pulumi.getProject()}/${stack}`,
        embedded: host === embedded,
        databaseName,
        databaseRole: user.split(".")[0] ?? user,
        databaseIdentity,
        bucketName,
        datasetMaxBytes: whole("datasetMaxBytes", 1, 50 * 1024 ** 3),
        backup: {
            mode: oneOf("backup", backupModes),
            folder: required("backupFolder"),
            keep: whole("backupKeep", 1, 1000),
        },
        protect: yes("protect"),
        review: {
            gates: oneOf("gates", gateSettings),
            maxLockMs: whole("maxLockMs", 1, 2000),
            exposedSchemas: text("exposedSchemas")
                .split(",")
                .map(name => name.trim())
                .filter(Boolean),
            requireVerified: yes("requireVerified"),
            drift: oneOf("drift", driftSettings),
        },
        environment: {
            SIMULATION_DB_STACK: `${pulumi.getProject()}/${stack}`,
            SIMULATION_DB_LOCK_TIMEOUT_MS: String(whole("lockTimeoutMs", 1, 60_000)),
            SIMULATION_DB_STATEMENT_TIMEOUT_MS: String(whole("statementTimeoutMs", 1000, 86_400_000)),
            SIMULATION_DB_RETRY_FOR_MS: String(whole("retryForMs", 0, 3_600_000)),
            SIMULATION_DB_WAIT_FOR_RUN_MS: String(whole("waitForRunMs", 0, 3_600_000)),
            ...(yes("archive") ? {} : { SIMULATION_DB_ARCHIVE: "off" }),
            ...(databaseIdentity ? { SIMULATION_DB_IDENTITY: databaseIdentity } : {}),
            ...(host === embedded ? {} : place),
        },
    };

    if (!/^[a-z0-9][a-z0-9_-]{2,62}$/.test(bucketName)) {
        faults.push(`bucketName is "${bucketName}": 3 to 63 lowercase letters, digits, - and _ are allowed`);
    }
    if ((host === embedded) !== (storageUrl === embedded)) {
        faults.push("databaseHost and storageUrl are embedded together or not at all");
    }
    if (stack === "prod" && (host === embedded || !sslMode.startsWith("verify"))) {
        faults.push("databaseSslMode: prod needs a real project and a verified connection (verify-full or verify-ca)");
    }
    if (faults.length > 0) {
        const lines = faults.map(fault => `  simulation-db:${fault}`);
        throw new UserError(`Pulumi.${stack}.yaml is not ready:\n${lines.join("\n")}`, [
            "Pulumi.yaml describes every key",
        ]);
    }
    return checked;
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
