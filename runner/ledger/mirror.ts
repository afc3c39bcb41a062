import { readFileSync } from "node:fs";
import type pg from "pg";
import { label, type Migration } from "../migration/migration.ts";
import { cutStatements } from "../migration/statementTexts.ts";

/** A row of Supabase's ledger that is not ours. */
export interface ForeignMigration {
    readonly version: string;
    readonly name: string;
}

const table = "supabase_migrations.schema_migrations";

/**
 * Makes `simulation_db.mirror(version, slug, statements)`, which keeps Supabase's own ledger in step with ours, in the
 * same transaction, so that Studio and the Supabase CLI show what is applied. On the server, so that it comes in one
 * round trip with the row of our ledger. A row of somebody else stays as it is.
 */
export const createMirror = readFileSync(new URL("mirror.sql", import.meta.url), "utf8");

/**
 * What Supabase's ledger shows of a migration: its slug as the name, the statements of up.sql one by one. The version is
 * as the folder has it (`0002`); the CLI's own have 14 digits, so neither is taken for the other.
 */
export function mirrored({ version, slug, up }: Migration): [name: string, statements: string[]] {
    return [slug || version, cutStatements(up)];
}

/** Words for a migration that is not shown there. */
export function notMirrored(migration: Migration, why: string): string {
    return `warning: ${label(migration)} is not mirrored to ${table}: ${why}`;
}

/** Words for one that is shown there still. */
export function stillMirrored(version: string, why: string): string {
    return `warning: ${version} stays in ${table}: ${why}`;
}

/**
 * What other tools applied, by version; none where this login may not look.
 *
 * @param ours versions whose rows are ours
 */
export async function readForeign(client: pg.Client, ours: readonly string[]): Promise<ForeignMigration[]> {
    if (!(await mayRead(client))) return [];
    // As JSON, since the oldest form of the table has no names.
    const { rows } = await client.query<ForeignMigration>(
        `select version, coalesce(to_jsonb(m) ->> 'name', '') as name from ${table} as m
         where version <> all ($1) order by version`,
        [ours],
    );
    return rows;
}

/** The statements of what is in Supabase's ledger, by version; null where it does not know them. */
export async function readStatements(client: pg.Client): Promise<Map<string, readonly string[] | null>> {
    if (!(await mayRead(client))) return new Map();
    const { rows } = await client.query<{ version: string; statements: string[] | null }>(
        `select version, to_jsonb(m) -> 'statements' as statements from ${table} as m order by version`,
    );
    return new Map(rows.map(({ version, statements }) => [version, statements]));
}

async function mayRead(client: pg.Client): Promise<boolean> {
    const { rows: may } = await client.query<{ read: boolean }>(
        `select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as read
         from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         where n.nspname = 'supabase_migrations' and c.relname = 'schema_migrations'`,
    );
    return may[0]?.read === true;
}
