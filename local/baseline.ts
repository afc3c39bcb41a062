import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";

/** Where real projects differ from each other, and a migration must work on both. */
export interface BaselineShape {
    /**
     * What new tables of `postgres` in public are born with: "open" grants everything to anon, authenticated and
     * service_role (projects made before 2026), "closed" takes most of it back.
     */
    readonly defaultPrivileges: "open" | "closed";
    /**
     * "bare": the columns that the plan takes for granted; "extended": some of the added ones exist, with values; "absent":
     * none of the organization's tables is there, as in a project that migrations have yet to fill.
     */
    readonly simulationRuns: "bare" | "extended" | "absent";
}

/** The organization's tables: what stands in for them in an embedded PostgreSQL. */
export const organizationTables = [
    "organizations",
    "organization_members",
    "profiles",
    "model_registry",
    "simulation_runs",
] as const;

/** The SQL files of a shape, in the order they are run. */
export function baselineFiles(shape: BaselineShape): string[] {
    const closed = shape.defaultPrivileges === "closed";
    const extended = shape.simulationRuns === "extended";
    return [
        "01_roles.sql",
        "02_schemas.sql",
        "03_default_privileges.sql",
        ...(closed ? ["03_default_privileges_closed.sql"] : []),
        "04_extensions.sql",
        "05_auth.sql",
        "06_storage.sql",
        "07_services.sql",
        "08_event_triggers.sql",
        "09_supautils.sql",
        ...(shape.simulationRuns === "absent" ? [] : organizationFiles(extended)),
    ].map(name => join(import.meta.dirname, "baseline", name));
}

function organizationFiles(extended: boolean): string[] {
    return [
        "10_organizations.sql",
        extended ? "11_simulation_runs_extended.sql" : "11_simulation_runs_bare.sql",
        "12_simulation_runs_policies.sql",
        "13_sample_data.sql",
        ...(extended ? ["13_sample_data_extended.sql"] : []),
    ];
}

/**
 * Makes an empty database of `initCluster` look like a new Supabase project with this organization's tables. All or
 * nothing: one transaction. `admin` is connected to the database postgres as supabase_admin.
 */
export async function applyBaseline(admin: pg.Client, shape: BaselineShape, postgresPassword: string): Promise<void> {
    await admin.query("begin");
    try {
        await admin.query(
            "select set_config('search_path', '', true), set_config('baseline.postgres_password', $1, true)",
            [postgresPassword],
        );
        for (const file of baselineFiles(shape)) {
            const sql = await readFile(file, "utf8");
            await admin.query(sql).catch((error: Error & { position?: string }) => {
                const line = error.position ? `:${sql.slice(0, Number(error.position)).split("\n").length}` : "";
                throw new Error(`${file}${line}: ${error.message}`, { cause: error });
            });
        }
        await admin.query("commit");
    } catch (error) {
        await admin.query("rollback");
        throw error;
    }
}
