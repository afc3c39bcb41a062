import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { BaselineShape } from "../local/baseline.ts";
import type { PostgresMajor } from "../local/cluster.ts";
import { UserError } from "../runner/userError.ts";

/** What the toolchain needs to know of a stack before the engine reads its settings. */
export interface StackFile {
    /** As the user named it; Pulumi Cloud allows organization/project/stack. */
    readonly name: string;
    /** Does it run against the local database? Then state, passphrase and connection are ours to set. */
    readonly embedded: boolean;
    readonly major: PostgresMajor;
    readonly shape: BaselineShape;
    /** Where a real project is, as libpq's variables; empty for the local database, whose place is known once it runs. */
    readonly place: Readonly<Record<string, string>>;
}

/** The config keys behind libpq's variables, and the address of the API. */
const placeKeys = {
    PGHOST: "databaseHost",
    PGPORT: "databasePort",
    PGDATABASE: "databaseName",
    PGUSER: "databaseUser",
    PGSSLMODE: "databaseSslMode",
    PGSSLROOTCERT: "databaseCaFile",
    SUPABASE_URL: "storageUrl",
};

/**
 * Reads Pulumi.<stack>.yaml, and the defaults of Pulumi.yaml for what it does not say.
 * Throws a UserError for a stack without a file and for a value that is not allowed.
 */
export function readStackFile(root: string, name: string): StackFile {
    const known = stackNames(root);
    const short = name.split("/").at(-1) ?? name;
    if (!known.includes(short)) {
        throw new UserError(`There is no Pulumi.${short}.yaml, so no stack of that name is configured.`, [
            `Stacks with a file: ${known.join(", ") || "none"}.`,
            `Copy the one that is nearest and change it, or name another stack with --stack.`,
        ]);
    }
    const settings = readSettings(root, short);
    const one = <T>(key: string, allowed: readonly T[], otherwise: T): T => {
        const value = settings(key) ?? otherwise;
        const match = allowed.find(candidate => String(candidate) === String(value));
        if (match !== undefined) return match;
        throw new UserError(
            `Pulumi.${short}.yaml: simulation-db:${key} is ${String(value)}; allowed are ${allowed.join(" and ")}.`,
        );
    };
    const embedded = settings("databaseHost") === "embedded";
    const place = Object.entries(placeKeys).map(([variable, key]) => [variable, String(settings(key) ?? "")]);
    return {
        name,
        embedded,
        place: embedded
            ? {}
            : (Object.fromEntries(place.filter(([, value]) => value !== "")) as Record<string, string>),
        major: one<PostgresMajor>("embeddedMajor", [15, 17], 15),
        shape: {
            defaultPrivileges: one("embeddedDefaultPrivileges", ["open", "closed"], "open"),
            simulationRuns: one("embeddedSimulationRuns", ["bare", "extended"], "bare"),
        },
    };
}

/**
 * Where the stack's database is, for a command that the engine has no part in.
 *
 * @throws UserError when the file still has a placeholder there
 */
export function placeOf({ name, place }: StackFile): Readonly<Record<string, string>> {
    const left = Object.entries(place).filter(([, value]) => /[<>]/.test(value));
    if (left.length === 0) return place;
    const lines = left.map(
        ([variable, value]) =>
            `  simulation-db:${placeKeys[variable as keyof typeof placeKeys]} is still the placeholder ${value}`,
    );
    throw new UserError(`Pulumi.${name.split("/").at(-1)}.yaml is not ready:\n${lines.join("\n")}`, [
        "Pulumi.yaml describes every key",
    ]);
}

function stackNames(root: string): string[] {
    return readdirSync(root)
        .map(file => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1])
        .filter(name => name !== undefined);
}

/** A setting of the stack, or its default in the project file; keys may carry the project's name or not. */
function readSettings(root: string, stack: string): (key: string) => unknown {
    const ofStack = configOf(root, `Pulumi.${stack}.yaml`);
    const ofProject = configOf(root, "Pulumi.yaml");
    const find = (config: Record<string, unknown>, key: string) => config[`simulation-db:${key}`] ?? config[key];
    return key => {
        const declared = find(ofProject, key);
        const byDefault = isRecord(declared) ? (declared.value ?? declared.default) : declared;
        return find(ofStack, key) ?? byDefault;
    };
}

function configOf(root: string, file: string): Record<string, unknown> {
    let content: unknown;
    try {
        content = parse(readFileSync(join(root, file), "utf8"));
    } catch (error) {
        throw new UserError(`${file} cannot be read: ${(error as Error).message}`);
    }
    const config = isRecord(content) ? content.config : undefined;
    return isRecord(config) ? config : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
