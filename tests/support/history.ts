import type pg from "pg";

/** What the ledger's history says of a database: `up 0001`, oldest first. */
export async function readHistory(client: pg.Client): Promise<string[]> {
    const { rows } = await client.query<{ entry: string }>(
        "select concat_ws(' ', action, version) as entry from simulation_db.history order by id",
    );
    return rows.map(({ entry }) => entry);
}
