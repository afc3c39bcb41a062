import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { checkedConfig, type ConfigValues, embedded, type GivenConfig, placeOf } from "../configKeys.ts";
import type { BaselineShape } from "../local/baseline.ts";
import type { PostgresMajor } from "../local/cluster.ts";
import { shortName } from "../runner/database/settings.ts";
import { didYouMean } from "../runner/nearest.ts";
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
    /** All keys of the stack. */
    readonly values: ConfigValues;
}

/**
 * Reads Pulumi.<stack>.yaml, and the defaults of Pulumi.yaml for what it does not say. The same checks as the engine's
 * run of the program makes, and before anything is fetched, started or connected to.
 *
 * @throws UserError for a stack without a file, and for one with faults: it lists them all
 */
export function readStackFile(root: string, name: string): StackFile {
    const known = stackNames(root);
    const short = shortName(name);
    if (!known.includes(short)) {
        throw new UserError(
            `There is no Pulumi.${short}.yaml, so no stack of that name is configured${didYouMean(short, known)}.`,
            [
                `Stacks with a file: ${known.join(", ") || "none"}.`,
                `Copy the one that is nearest and change it, or name another stack with --stack.`,
            ],
        );
    }
    const values = checkedConfig({ stack: short, ...readGiven(root, short) });
    return {
        name,
        embedded: values.databaseHost === embedded,
        place: placeOf(values),
        major: values.embeddedMajor === "17" ? 17 : 15,
        shape: {
            defaultPrivileges: values.embeddedDefaultPrivileges,
            simulationRuns: values.embeddedSimulationRuns,
        },
        values,
    };
}

/** The stacks that have a file. */
export function stackNames(root: string): string[] {
    return readdirSync(root)
        .flatMap(file => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? [])
        .sort();
}

/** The texts as the engine hands them to the program: names in full, defaults of the project file filled in. */
function readGiven(root: string, stack: string): Omit<GivenConfig, "stack"> {
    const file = `Pulumi.${stack}.yaml`;
    const ofProject = Object.entries(sectionOf(root, "Pulumi.yaml").config).map(
        ([name, declared]) => [name, isRecord(declared) ? (declared.value ?? declared.default) : declared] as const,
    );
    const { config, imports } = sectionOf(root, file);
    const all = [...ofProject, ...Object.entries(config)].map(
        ([name, value]) => [name.includes(":") ? name : `simulation-db:${name}`, value] as const,
    );
    const isEncrypted = (value: unknown) => isRecord(value) && "secure" in value;
    return {
        texts: Object.fromEntries(
            all.flatMap(([name, value]) => (value === undefined || value === null ? [] : [[name, textOf(value)]])),
        ),
        encrypted: all.filter(([, value]) => isEncrypted(value)).map(([name]) => name),
        incomplete: imports,
    };
}

function textOf(value: unknown): string {
    return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** @returns the config of a file, and whether it imports environments of Pulumi Cloud */
function sectionOf(root: string, file: string): { config: Record<string, unknown>; imports: boolean } {
    let content: unknown;
    try {
        content = parse(readFileSync(join(root, file), "utf8"));
    } catch (error) {
        throw new UserError(`${file} cannot be read: ${(error as Error).message}`);
    }
    const all = isRecord(content) ? content : {};
    return { config: isRecord(all.config) ? all.config : {}, imports: all.environment !== undefined };
}

function isRecord(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
