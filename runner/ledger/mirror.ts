import type pg from "pg";
import { label, type Migration } from "../migration/migration.ts";
import { connectionLost, isPassing, SqlError } from "../database/sqlError.ts";
import { cutStatements } from "../migration/statementTexts.ts";

/** What the catalog says of Supabase's ledger and this login; null stands for false where there is no table. */
type Privileges = Record<
    "schema" | "mayCreate" | "mayUse" | "table" | "mayWrite" | "owned" | "complete",
    boolean | null
>;

/** A row of Supabase's ledger that is not ours. */
export interface ForeignMigration {
    readonly version: string;
    readonly name: string;
}

const table = "supabase_migrations.schema_migrations";

/**
 * The table as the Supabase CLI makes it (supabase/cli, pkg/migration/history.go). Its older versions made it without
 * the last two columns, which newer ones add, as is done here.
 */
const createTable = `
    create schema if not exists supabase_migrations;
    create table if not exists ${table} (version text not null primary key);
    alter table ${table} add column if not exists statements text[], add column if not exists name text;`;

/**
 * Writes an applied migration to Supabase's own ledger, in the transaction of ours, so that Studio and the Supabase CLI
 * show it: the version as the folder has it (`0002`; the CLI's own have 14 digits, so neither is taken for the other),
 * the slug as the name, the statements of up.sql one by one. A row of somebody else under that version stays as it is.
 *
 * @param say told why, where that is not possible; the migration goes on
 * @returns whether the row is ours
 * @throws SqlError when the table is locked for too long: the attempt is repeated then
 */
export async function mirror(client: pg.Client, migration: Migration, say: (line: string) => void): Promise<boolean> {
    const skip = (why: string) => {
        say(`warning: ${label(migration)} is not mirrored to ${table}: ${why}`);
        return false;
    };
    const { obstacle, complete } = await readState(client);
    if (obstacle !== undefined) return skip(obstacle);
    const made = complete ? undefined : await guarded(client, createTable);
    if (made instanceof Error) return skip(made.message);
    const written = await guarded(
        client,
        `insert into ${table} (version, name, statements) values ($1, $2, $3) on conflict do nothing`,
        [migration.version, migration.slug || migration.version, cutStatements(migration.up)],
    );
    if (written instanceof Error) return skip(written.message);
    return written === 1 || skip(`another tool has written a row ${migration.version} there, which stays as it is`);
}

/** Takes a row that {@link mirror} wrote out again. Where that is not possible, `say` is told why. */
export async function unmirror(client: pg.Client, version: string, say: (line: string) => void): Promise<void> {
    const { obstacle, complete } = await readState(client);
    const removed =
        obstacle === undefined && complete
            ? await guarded(client, `delete from ${table} where version = $1`, [version])
            : undefined;
    const why = removed instanceof Error ? removed.message : obstacle;
    if (why !== undefined) say(`warning: ${version} stays in ${table}: ${why}`);
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

/**
 * Whether the table can be written, by one look at the catalog, and a savepoint in the same round trip: whatever fails
 * after it need not end the migration's transaction.
 */
async function readState(client: pg.Client): Promise<{ obstacle?: string; complete: boolean }> {
    // Several statements have several results, which the types of pg do not know.
    const results = (await client.query(`
        savepoint mirror;
        select
            n.oid is not null as schema,
            case when n.oid is null then has_database_privilege(current_database(), 'create') else has_schema_privilege(n.oid, 'create') end as "mayCreate",
            has_schema_privilege(n.oid, 'usage') as "mayUse",
            c.oid is not null as table,
            has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'delete') and has_table_privilege(c.oid, 'select')
                and not row_security_active(c.oid) as "mayWrite",
            pg_has_role(c.relowner, 'usage') as owned,
            (
                select count(*) = 3 from pg_catalog.pg_attribute
                where attrelid = c.oid and not attisdropped and attname in ('version', 'statements', 'name')
            ) as complete
        from (values ('supabase_migrations', 'schema_migrations')) as wanted (schema_name, table_name)
        left join pg_catalog.pg_namespace as n on n.nspname = schema_name
        left join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = table_name`)) as unknown as {
        rows: Privileges[];
    }[];
    const found = results[1]?.rows[0];
    if (!found) throw new Error("the catalog did not answer");
    const complete = found.table === true && found.complete === true;
    const allowed = found.table
        ? found.mayUse && found.mayWrite && (complete || found.owned)
        : found.mayCreate && (!found.schema || found.mayUse);
    return allowed ? { complete } : { complete, obstacle: "this login may not write there" };
}

/**
 * Runs a statement whose failure must not end the migration's transaction: it goes back to the savepoint of
 * {@link readState}.
 *
 * @returns how many rows it wrote, or why it failed
 * @throws SqlError for what passes, since another tool may hold the table for a moment: all is tried again then; and
 *     what it caught, when the connection is gone
 */
async function guarded(client: pg.Client, sql: string, values?: unknown[]): Promise<number | Error> {
    try {
        const { rowCount } = await client.query(sql, values);
        return rowCount ?? 0;
    } catch (thrown) {
        if (connectionLost(thrown)) throw thrown;
        const { code, message } = thrown as pg.DatabaseError;
        const error = new SqlError(`${table}: ${message}`, code, []);
        if (isPassing(error)) throw error;
        await client.query("rollback to savepoint mirror");
        return error;
    }
}
