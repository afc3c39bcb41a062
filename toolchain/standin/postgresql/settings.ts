import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { explain, UserError } from "../../../runner/userError.ts";
import type { Failure } from "../provider.ts";
import { type Official, refusal } from "../refusal.ts";
import { holdsUnknown, type Properties } from "../values.ts";

/** The plugin whose place this one takes. */
export const OFFICIAL: Official = { name: "postgresql", version: "3.18.0" };

/** How to reach the server. Defaults are the official plugin's, which are libpq's variables. */
export interface Settings {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly username: string;
    /** Undefined: a password file, or none. */
    readonly password: string | undefined;
    /** The name inside the database where it differs from the one of the connection. */
    readonly databaseUsername: string;
    readonly superuser: boolean;
    readonly sslmode: string;
    readonly sslrootcert: string | undefined;
    /** Zero waits for ever. */
    readonly connectTimeoutSeconds: number;
    /** Zero is no limit. */
    readonly maxConnections: number;
}

/** What may be set, and the type that its text must have: provider settings travel as strings. */
const KNOWN: Readonly<Record<string, "text" | "number" | "boolean">> = {
    host: "text",
    port: "number",
    database: "text",
    username: "text",
    password: "text",
    databaseUsername: "text",
    superuser: "boolean",
    sslmode: "text",
    sslrootcert: "text",
    connectTimeout: "number",
    maxConnections: "number",
    expectedVersion: "text",
    scheme: "text",
    version: "text",
    pluginDownloadURL: "text",
};

/** Names every setting that is wrong or that only the official plugin knows. */
export function checkSettings(given: Properties): Failure[] {
    const failures: Failure[] = [];
    for (const [property, value] of Object.entries(given)) {
        if (value === null || holdsUnknown(value)) continue;
        const kind = KNOWN[property];
        const text = String(value);
        if (kind === undefined || (property === "scheme" && text !== "postgres")) {
            const what = kind === undefined ? `setting ${property}` : `scheme ${text}`;
            failures.push({ property, reason: explain(refusal(OFFICIAL, `does not know the ${what}`)) });
        } else if (kind === "number" && !/^-?\d+$/.test(text)) {
            failures.push({ property, reason: `must be a whole number, not ${text}` });
        } else if (kind === "boolean" && !["true", "false"].includes(text)) {
            failures.push({ property, reason: `must be true or false, not ${text}` });
        }
    }
    return failures;
}

/** The settings with the defaults of the environment filled in. */
export function settingsOf(given: Properties, environment: NodeJS.ProcessEnv): Settings {
    const value = (name: string, variable?: string): string | undefined => {
        const set = given[name];
        if (set !== undefined && set !== null && set !== "") return String(set);
        return (variable && environment[variable]) || undefined;
    };
    const username = value("username", "PGUSER") ?? "postgres";
    return {
        host: value("host", "PGHOST") ?? "",
        port: Number(value("port", "PGPORT") ?? 5432),
        database: value("database", "PGDATABASE") ?? "postgres",
        username,
        password: value("password", "PGPASSWORD"),
        databaseUsername: value("databaseUsername") ?? username,
        superuser: (value("superuser", "PGSUPERUSER") ?? "true") === "true",
        sslmode: value("sslmode", "PGSSLMODE") ?? "require",
        sslrootcert: value("sslrootcert", "PGSSLROOTCERT"),
        connectTimeoutSeconds: Number(value("connectTimeout", "PGCONNECT_TIMEOUT") ?? 180),
        maxConnections: Number(value("maxConnections") ?? 20),
    };
}

/** TLS as the official plugin's driver understands sslmode: no mode falls back to plain text. */
export function tlsOf({ sslmode, sslrootcert }: Settings): ConnectionOptions | false {
    const ca = sslrootcert === undefined ? {} : { ca: readFileSync(sslrootcert, "utf8") };
    switch (sslmode) {
        case "disable":
            return false;
        case "require":
            if (sslrootcert === undefined) return { rejectUnauthorized: false };
            return { ...ca, checkServerIdentity: () => undefined };
        case "verify-ca":
            return { ...ca, checkServerIdentity: () => undefined };
        case "verify-full":
            return ca;
        default:
            throw new UserError(`unsupported sslmode "${sslmode}"`, ["use disable, require, verify-ca or verify-full"]);
    }
}
