import { writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import type { Environment } from "../../runner/database/connection.ts";
import { UserError } from "../../runner/userError.ts";

/** @throws UserError for a name that no stack can have */
export function requireStackName(name: string): void {
    if (/^[a-z][a-z0-9-]*$/.test(name)) return;
    throw new UserError(`"${name}" cannot be the name of a stack: small letters, digits and - are allowed.`, [
        "npm run adopt -- staging",
    ]);
}

/**
 * Writes `Pulumi.<name>.yaml` for the database that the shell's variables name. No secret is in it.
 *
 * @returns the path; undefined when there is such a file: it stays as it is
 */
export async function writeStackFile(
    name: string,
    environment: Environment,
    identity: string,
): Promise<string | undefined> {
    const path = `Pulumi.${name}.yaml`;
    const text =
        "# Written by npm run adopt. Nothing secret belongs here: PGPASSWORD and SUPABASE_SERVICE_ROLE_KEY come from the\n" +
        "# environment. Pulumi.yaml describes every key.\n" +
        stringify({ config: configOf(environment, identity) });
    try {
        await writeFile(path, text, { flag: "wx" });
        return path;
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
        throw error;
    }
}

function configOf(environment: Environment, identity: string): Record<string, unknown> {
    const { PGHOST, PGPORT, PGDATABASE, PGUSER, PGSSLMODE, PGSSLROOTCERT, SUPABASE_URL } = environment;
    // A session pooler's login names the project; so does the host of a direct connection.
    const [, ref] =
        /^postgres\.([a-z0-9]+)$/.exec(PGUSER ?? "") ?? /^db\.([a-z0-9]+)\.supabase\.co$/.exec(PGHOST ?? "") ?? [];
    const values = {
        databaseHost: PGHOST,
        databasePort: PGPORT && PGPORT !== "5432" ? Number(PGPORT) : undefined,
        databaseName: PGDATABASE && PGDATABASE !== "postgres" ? PGDATABASE : undefined,
        databaseUser: PGUSER,
        databaseSslMode: PGSSLMODE || "verify-full",
        databaseCaFile: PGSSLROOTCERT || undefined,
        databaseIdentity: identity,
        storageUrl: SUPABASE_URL || (ref ? `https://${ref}.supabase.co` : "<https://PROJECT-REF.supabase.co>"),
        backup: "required",
        requireVerified: true,
    };
    return Object.fromEntries(
        Object.entries(values).flatMap(([key, value]) =>
            value === undefined ? [] : [[`simulation-db:${key}`, value]],
        ),
    );
}
