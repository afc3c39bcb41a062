import type pg from "pg";
import { readCatalog } from "../sql/catalog.ts";

/** Tables whose rows were there before the stack and must be there after it. */
const tables = [
    "auth.users",
    "public.profiles",
    "public.organizations",
    "public.organization_members",
    "public.model_registry",
    "public.simulation_runs",
    "storage.buckets",
    "storage.objects",
];

/** All of a project that a stack could leave a trace in, its own ledger aside. */
export interface Snapshot {
    /** Objects, roles, grants, default privileges, policies; one line each. */
    readonly catalog: readonly string[];
    /** Who may do what with the database itself. */
    readonly database: string;
    /** Every row of the tables above, whole, by table and in the order of their text. */
    readonly rows: Readonly<Record<string, readonly string[]>>;
}

export async function takeSnapshot(client: pg.Client): Promise<Snapshot> {
    const { rows: databases } = await client.query<{ line: string }>(
        "select concat_ws(' ', datname, pg_get_userbyid(datdba), datacl) as line from pg_database where datname = current_database()",
    );
    const rows: Record<string, string[]> = {};
    for (const table of tables) {
        const found = await client.query<{ line: string }>(
            `select to_jsonb(kept)::text as line from ${table} as kept order by 1`,
        );
        rows[table] = found.rows.map(({ line }) => line);
    }
    return { catalog: await readCatalog(client), database: databases[0]?.line ?? "", rows };
}

/** Whether the stack's own schema is there. */
export async function hasLedger(client: pg.Client): Promise<boolean> {
    const { rows } = await client.query("select from pg_namespace where nspname = 'simulation_db'");
    return rows.length > 0;
}

/** The versions that the ledger says are applied. */
export async function appliedVersions(client: pg.Client): Promise<string[]> {
    const { rows } = await client.query<{ version: string }>(
        "select version from simulation_db.migration order by version",
    );
    return rows.map(({ version }) => version);
}

/** All that the ledger's schema holds, as text. */
export async function ledgerText(client: pg.Client): Promise<string> {
    const { rows } = await client.query<{ text: string }>(
        "select schema_to_xml('simulation_db', true, false, '')::text as text",
    );
    return rows[0]?.text ?? "";
}
