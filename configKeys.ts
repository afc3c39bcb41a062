import { keepRange } from "./runner/backup/settings.ts";
import { didYouMean, nearest } from "./runner/nearest.ts";
import { UserError } from "./runner/userError.ts";

/** What the value of a key may be. */
type Rule =
    /** One of these words. */
    | { readonly oneOf: readonly string[] }
    /** `true` or `false`. */
    | { readonly yesOrNo: true }
    /** A whole number from the one to the other. */
    | { readonly whole: readonly [least: number, most: number] }
    /** A text of this form; `is` says it in words. */
    | { readonly like: RegExp; readonly is: string };

const anything = /^/;
const something = /./;

/**
 * The keys that a stack may set, and what each may be: the only list there is. The engine's reader (config.ts) and the
 * toolchain's (toolchain/stackFile.ts) both check against it. Type, default and description of each are in Pulumi.yaml.
 */
export const configKeys = {
    databaseHost: { like: something, is: "a host name, or embedded" },
    databasePort: { whole: [1, 65_535] },
    databaseName: { like: something, is: "the name of a database" },
    databaseUser: { like: something, is: "the name of a login" },
    databaseSslMode: { oneOf: ["verify-full", "verify-ca", "require", "disable"] },
    databaseCaFile: { like: anything, is: "the path of a file, or empty" },
    databaseIdentity: { like: /^(\d+\/.+)?$/, is: "<system identifier>/<name>, or empty" },
    // In clear only to this machine: the service key goes there.
    storageUrl: {
        like: /^(embedded|https:\/\/[^/]+.*|http:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?(\/.*)?)$/,
        is: "an address that begins with https://, or embedded",
    },
    bucketName: { like: /^[a-z0-9][a-z0-9_-]{2,62}$/, is: "3 to 63 lowercase letters, digits, - and _" },
    datasetMaxBytes: { whole: [1, 50 * 1024 ** 3] },
    squashThrough: { like: /^(\d{4})?$/, is: 'the version of a migration, in quotes ("0300"), or empty' },
    backup: { oneOf: ["required", "optional", "off"] },
    backupFolder: { like: something, is: "the path of a folder" },
    backupKeep: { whole: keepRange },
    archive: { yesOrNo: true },
    lockTimeoutMs: { whole: [1, 60_000] },
    statementTimeoutMs: { whole: [1000, 86_400_000] },
    retryForMs: { whole: [0, 3_600_000] },
    waitForRunMs: { whole: [0, 3_600_000] },
    gates: { oneOf: ["default", "strict"] },
    maxLockMs: { whole: [1, 2000] },
    exposedSchemas: { like: anything, is: "names of schemas, separated by commas" },
    requireVerified: { yesOrNo: true },
    drift: { oneOf: ["warn", "stop"] },
    protect: { yesOrNo: true },
    promotedFrom: { like: /^[\w.-]*$/, is: "the name of a stack, or empty" },
    promotionKey: { like: /^([A-Za-z0-9+/]{59}=)?$/, is: "an Ed25519 public key in base64, or empty" },
    embeddedMajor: { oneOf: ["15", "17"] },
    embeddedDefaultPrivileges: { oneOf: ["open", "closed"] },
    embeddedSimulationRuns: { oneOf: ["bare", "extended"] },
} as const satisfies Readonly<Record<string, Rule>>;

export type ConfigKey = keyof typeof configKeys;

type Value<R> = R extends { readonly oneOf: readonly (infer Word)[] }
    ? Word
    : R extends { readonly yesOrNo: true }
      ? boolean
      : R extends { readonly whole: readonly unknown[] }
        ? number
        : string;

/** All keys, each with a value that it may have. */
export type ConfigValues = { readonly [Key in ConfigKey]: Value<(typeof configKeys)[Key]> };

/** What a stack sets, and the defaults, before anything of it is checked. */
export interface GivenConfig {
    /** Pulumi's name of the stack, without organization and project. */
    readonly stack: string;
    /** The values as texts, by their names in full: `simulation-db:backup`. */
    readonly texts: Readonly<Record<string, string>>;
    /** Names in full of those that the file holds encrypted. */
    readonly encrypted: readonly string[];
    /** Whether an environment of Pulumi Cloud adds values that are not in the file: then nothing of it can be missing. */
    readonly incomplete?: boolean;
}

/** The namespace of the keys: the project's name. */
const project = "simulation-db";
const names = Object.keys(configKeys) as ConfigKey[];
const isKey = (name: string): name is ConfigKey => names.some(key => key === name);

/** The value of databaseHost and storageUrl that means the local default. */
export const embedded = "embedded";

/**
 * Checks all that a stack says.
 *
 * @throws UserError that lists every fault at once: a key that is unknown, misspelt, missing, encrypted or still a
 *     placeholder, a value that is not allowed, values that do not go together
 */
export function checkedConfig(given: GivenConfig): ConfigValues {
    const faults = Object.keys(given.texts).flatMap(unknownKey);
    const encrypted = names.filter(key => given.encrypted.includes(`${project}:${key}`));
    faults.push(...encrypted.map(encryptedKey));
    const values: Record<string, string | number | boolean> = {};
    for (const key of names) {
        const text = given.texts[`${project}:${key}`];
        if (encrypted.includes(key) || ((text ?? "") === "" && given.incomplete)) continue;
        const fault = faultOf(key, text ?? "");
        if (fault !== undefined) faults.push(fault);
        values[key] = valueOf(configKeys[key], text ?? "");
    }
    const checked = values as unknown as ConfigValues;
    faults.push(...contradictions(given.stack, checked));
    if (faults.length === 0) return checked;
    throw new UserError(
        `Pulumi.${given.stack}.yaml is not ready:\n${faults.map(fault => `  ${project}:${fault}`).join("\n")}`,
        ["Pulumi.yaml and docs/configuration.md describe every key"],
    );
}

/** A key that nothing reads is a setting that somebody believes to be made. */
function unknownKey(name: string): string[] {
    const [namespace = "", ...rest] = name.split(":");
    const key = rest.join(":");
    if (namespace === project) {
        if (isKey(key)) return [];
        const meant = nearest(key, names);
        const known = meant === undefined ? `: known are ${names.join(", ")}` : `: ${allowedFor(meant as ConfigKey)}`;
        return [`${key} is no key of this project${didYouMean(key, names)}${known}`];
    }
    // Other namespaces are other people's: the engine's, a policy pack's.
    if (isKey(key) && nearest(namespace, [project]) !== undefined) return [`${key} is written ${name} there`];
    return [];
}

function encryptedKey(key: ConfigKey): string {
    return `${key} is encrypted: no key is a secret, and what runs without the engine could not read it`;
}

/** Undefined: the key may have this value. */
function faultOf(key: ConfigKey, text: string): string | undefined {
    if (/[<>]/.test(text)) return `${key} is still the placeholder ${text}: ${allowedFor(key)}`;
    const rule: Rule = configKeys[key];
    if (isAllowed(rule, text)) return undefined;
    const said = text === "" ? "is missing" : `is "${text}"`;
    return `${key} ${said}${didYouMean(text, wordsOf(rule))}: ${allowedFor(key)}`;
}

function isAllowed(rule: Rule, text: string): boolean {
    if ("whole" in rule) {
        const [least, most] = rule.whole;
        return /^\d{1,15}$/.test(text) && Number(text) >= least && Number(text) <= most;
    }
    return "like" in rule ? rule.like.test(text) : wordsOf(rule).includes(text);
}

function wordsOf(rule: Rule): readonly string[] {
    if ("oneOf" in rule) return rule.oneOf;
    return "yesOrNo" in rule ? ["true", "false"] : [];
}

/** What a key may be, in words. */
function allowedFor(key: ConfigKey): string {
    const rule: Rule = configKeys[key];
    if ("whole" in rule) return `a whole number from ${rule.whole[0]} to ${rule.whole[1]} is needed`;
    return "like" in rule ? `${rule.is} is needed` : `allowed are ${wordsOf(rule).join(", ")}`;
}

function valueOf(rule: Rule, text: string): string | number | boolean {
    if ("whole" in rule) return Number(text);
    return "yesOrNo" in rule ? text === "true" : text;
}

/** What no key is wrong in by itself. */
function contradictions(stack: string, { databaseHost, storageUrl, databaseSslMode }: ConfigValues): string[] {
    const faults: string[] = [];
    if (databaseHost !== undefined && (databaseHost === embedded) !== (storageUrl === embedded)) {
        faults.push("databaseHost and storageUrl are embedded together or not at all");
    }
    if (isProduction(stack) && (databaseHost === embedded || /^(require|disable)$/.test(databaseSslMode))) {
        faults.push("databaseSslMode: prod needs a real project and a verified connection (verify-full or verify-ca)");
    }
    return faults;
}

/** Where a real project is, as libpq's variables and the address of the API; empty for the local default. */
export function placeOf(values: ConfigValues): Record<string, string> {
    if (values.databaseHost === embedded) return {};
    const place = {
        PGHOST: values.databaseHost,
        PGPORT: values.databasePort,
        PGDATABASE: values.databaseName,
        PGUSER: values.databaseUser,
        PGSSLMODE: values.databaseSslMode,
        PGSSLROOTCERT: values.databaseCaFile,
        SUPABASE_URL: values.storageUrl,
    };
    const given = Object.entries(place).map(([variable, value]) => [variable, String(value ?? "")] as const);
    return Object.fromEntries(given.filter(([, value]) => value !== ""));
}

/** What the runner reads besides, under its own names. */
export function runnerSettings(values: ConfigValues): Record<string, string> {
    return {
        SIMULATION_DB_LOCK_TIMEOUT_MS: String(values.lockTimeoutMs),
        SIMULATION_DB_STATEMENT_TIMEOUT_MS: String(values.statementTimeoutMs),
        SIMULATION_DB_RETRY_FOR_MS: String(values.retryForMs),
        SIMULATION_DB_WAIT_FOR_RUN_MS: String(values.waitForRunMs),
        ...(values.archive ? {} : { SIMULATION_DB_ARCHIVE: "off" }),
        ...(values.databaseIdentity ? { SIMULATION_DB_IDENTITY: values.databaseIdentity } : {}),
    };
}

/** What a preview looks for, and what stops it. */
export interface Review extends Pick<ConfigValues, "gates" | "maxLockMs" | "requireVerified" | "drift"> {
    /** Beside public. */
    readonly exposedSchemas: readonly string[];
}

export function reviewOf({ gates, maxLockMs, exposedSchemas, requireVerified, drift }: ConfigValues): Review {
    return { gates, maxLockMs, exposedSchemas: exposedSchemas.split(","), requireVerified, drift };
}

/** Also `prod-eu` and `production`. */
export function isProduction(stack: string): boolean {
    return stack.startsWith("prod");
}
