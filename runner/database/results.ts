import type pg from "pg";

/** Runs several statements in one round trip. @returns the result of each, which the types of pg do not know */
export async function resultsOf(client: pg.Client, statements: string): Promise<pg.QueryResult[]> {
    return (await client.query(statements)) as unknown as pg.QueryResult[];
}
