import type pg from "pg";
import { type Environment, reading } from "../../runner/database/connection.ts";
import { isDenied } from "../../runner/database/sqlError.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";

/** The catalog as the last change of this tool left it, or why it cannot be had. */
export type Snapshot =
    | { readonly catalog: Catalog; readonly takenAt: Date; readonly major: number | undefined }
    /** `nothing`: nothing was ever applied, so there is nothing to compare with. */
    | { readonly nothing: true }
    | { readonly notReadable: string };

/** Reads the ledger's snapshot in a session that cannot write. */
export async function readSnapshot(environment: Environment): Promise<Snapshot> {
    try {
        return await reading(environment, "preview", snapshotOf);
    } catch (error) {
        if (isDenied(error)) {
            return { notReadable: "this login may not read the ledger (simulation_db.snapshot)" };
        }
        throw error;
    }
}

async function snapshotOf(client: pg.Client): Promise<Snapshot> {
    const { rows: places } = await client.query<{ name: string }>(
        "select c.relname as name from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where n.nspname = 'simulation_db' and c.relname in ('snapshot', 'snapshot_entry')",
    );
    if (places.length === 0) return { nothing: true };
    const inRows = places.some(({ name }) => name === "snapshot_entry");
    const { rows } = await client.query<{ catalog: Record<string, string>; server: number | null; takenAt: Date }>(
        inRows ? snapshotInRows : snapshotInOneRow,
    );
    const [row] = rows;
    if (row === undefined) return { nothing: true };
    return {
        catalog: new Map(Object.entries(row.catalog)),
        takenAt: row.takenAt,
        major: row.server === null ? undefined : Math.floor(row.server / 10_000),
    };
}

const snapshotInRows = `
    select (select jsonb_object_agg(key, definition) from simulation_db.snapshot_entry) as catalog, server, taken_at as "takenAt"
    from simulation_db.snapshot`;

/** As ledgers of the formats before 3 have it. The fingerprint begins with server_version_num. */
const snapshotInOneRow = `
    select catalog, split_part(fingerprint, ' ', 1)::integer as server, taken_at as "takenAt" from simulation_db.snapshot`;
