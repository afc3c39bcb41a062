import { readFile, writeFile } from "node:fs/promises";
import { parseDocument, stringify } from "yaml";
import type { Environment } from "../../runner/database/connection.ts";
import { isLoopback } from "../../runner/database/loopback.ts";
import { UserError } from "../../runner/userError.ts";

/** @throws UserError for a name that no stack can have */
export function requireStackName(name: string): void {
    if (/^[a-z][a-z0-9-]*$/.test(name)) return;
    throw new UserError(`"${name}" cannot be the name of a stack: small letters, digits and - are allowed.`, [
        "npm run adopt -- staging",
    ]);
}

/** What became of a stack's file. */
export type Written = "written" | "filled in" | "left";

/**
 * Writes `Pulumi.<name>.yaml` for the database that the shell's variables name. No secret is in it. In one that is there
 * and still has placeholders, the database takes their place, and what else it says stays; any other stays as it is.
 */
export async function writeStackFile(name: string, environment: Environment, identity: string): Promise<Written> {
    const path = `Pulumi.${name}.yaml`;
    const place = placeOf(environment, identity);
    const text =
        "# Written by npm run adopt. Nothing secret belongs here: PGPASSWORD and SUPABASE_SERVICE_ROLE_KEY come from the\n" +
        "# environment. Pulumi.yaml describes every key.\n" +
        stringify({ config: inFull({ ...place, backup: "required", requireVerified: true }) });
    try {
        await writeFile(path, text, { flag: "wx" });
        return "written";
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EEXIST") return await fillIn(path, inFull(place));
        throw error;
    }
}

async function fillIn(path: string, place: Readonly<Record<string, unknown>>): Promise<Written> {
    const file = parseDocument(await readFile(path, "utf8"));
    const { config } = (file.toJS() ?? {}) as { config?: Record<string, unknown> | null };
    if (!config) return "left";
    if (!Object.values(config).some(isPlaceholder)) return "left";
    for (const [key, value] of Object.entries(place)) {
        if (!(key in config) || isPlaceholder(config[key])) file.setIn(["config", key], value);
    }
    await writeFile(path, file.toString({ lineWidth: 0 }));
    return "filled in";
}

/** As in the files that come with the project: `<postgres.PROJECT-REF>` */
function isPlaceholder(value: unknown): boolean {
    return typeof value === "string" && /^<.*>$/.test(value);
}

/** Where the database is, by the keys of the config. */
function placeOf(environment: Environment, identity: string): Record<string, unknown> {
    const { PGHOST, PGPORT, PGDATABASE, PGUSER, PGSSLMODE, PGSSLROOTCERT, SUPABASE_URL } = environment;
    // A session pooler's login names the project; so does the host of a direct connection.
    const [, ref] =
        /^postgres\.([a-z0-9]+)$/.exec(PGUSER ?? "") ?? /^db\.([a-z0-9]+)\.supabase\.co$/.exec(PGHOST ?? "") ?? [];
    return {
        databaseHost: PGHOST,
        databasePort: PGPORT && PGPORT !== "5432" ? Number(PGPORT) : undefined,
        databaseName: PGDATABASE && PGDATABASE !== "postgres" ? PGDATABASE : undefined,
        databaseUser: PGUSER,
        databaseSslMode: PGSSLMODE || (isLoopback(PGHOST ?? "") ? "disable" : "verify-full"),
        databaseCaFile: PGSSLROOTCERT || undefined,
        databaseIdentity: identity,
        storageUrl: SUPABASE_URL || (ref ? `https://${ref}.supabase.co` : "<https://PROJECT-REF.supabase.co>"),
    };
}

/** Without those that have no value, and named as Pulumi wants them. */
function inFull(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(
        Object.entries(values).flatMap(([key, value]) =>
            value === undefined ? [] : [[`simulation-db:${key}`, value]],
        ),
    );
}
