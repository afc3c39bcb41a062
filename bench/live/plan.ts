import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { splitStatements } from "../../runner/migration/statements.ts";
import type { Environment } from "../support/copies.ts";
import { clientConfig } from "../support/database.ts";

const file = join(import.meta.dirname, "plan.sql");

/** Runs the plan's own SQL as a person would with psql: `whole` in one transaction, or `each` statement by itself. */
export async function runPlan(environment: Environment, way: "whole" | "each"): Promise<[]> {
    const sql = await readFile(file, "utf8");
    const texts = way === "whole" ? [sql] : (await splitStatements(sql, file)).map(({ text }) => text);
    const client = new pg.Client(clientConfig(environment));
    await client.connect();
    try {
        for (const text of texts) await client.query(text);
        return [];
    } finally {
        await client.end();
    }
}
