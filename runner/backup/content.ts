import type pg from "pg";

/** What a table held in the snapshot of a backup. */
export interface TableContent {
    /** Schema and name, quoted as SQL needs them. */
    readonly table: string;
    readonly rows: number;
    /** Sum of the hashes of all rows, whatever their order; null for a table that is too large for it. */
    readonly checksum: string | null;
}

/** A table, before anything of it is read. */
export interface TableSize {
    readonly table: string;
    /** Of its rows with what is stored apart, without indexes. */
    readonly bytes: number;
}

/**
 * In bytes. Hashing takes about 1.6 s per 100 MB, a third of what pg_dump takes beside it for the same rows, but of the
 * server's own processor; counting takes a twentieth of it.
 */
const largestWithChecksum = 256 * 1024 * 1024;

/**
 * Settings under which a row has the same text in every session, for the transaction that reads content. A policy that
 * would hide rows is an error, as for pg_dump.
 */
export const contentSettings = `
    set local search_path = ''; set local row_security = off; set local timezone = 'UTC'; set local datestyle = 'ISO';
    set local intervalstyle = 'postgres'; set local extra_float_digits = 1; set local bytea_output = 'hex';
    set local xmloption = 'content'; set local lc_monetary = 'C'`;

/** The tables of these schemas that hold rows of their own; not those of extensions, which pg_dump leaves to them. */
export async function readTables(client: pg.Client, schemas: readonly string[]): Promise<TableSize[]> {
    const { rows } = await client.query<TableSize>(
        `select format('%I.%I', n.nspname, c.relname) as table, pg_table_size(c.oid)::float8 as bytes
         from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         where c.relkind = 'r' and n.nspname = any ($1)
             and not exists (
                 select from pg_catalog.pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e'
             )
         order by 1`,
        [schemas],
    );
    return rows;
}

/** Counts a table's rows, and sums their hashes unless it is large. The caller's transaction has {@link contentSettings}. */
export async function readContent(client: pg.Client, { table, bytes }: TableSize): Promise<TableContent> {
    return await contentOf(client, table, bytes <= largestWithChecksum);
}

/** The same of a table whose former content is known, with a checksum when that one has one. */
export async function readContentLike(client: pg.Client, { table, checksum }: TableContent): Promise<TableContent> {
    return await contentOf(client, table, checksum !== null);
}

async function contentOf(client: pg.Client, table: string, withChecksum: boolean): Promise<TableContent> {
    const checksum = withChecksum
        ? "coalesce(sum(hashtextextended((counted.*)::text, 0)::numeric), 0)::text"
        : "null::text";
    const { rows } = await client.query<Omit<TableContent, "table">>(
        `select count(*)::float8 as rows, ${checksum} as checksum from only ${table} as counted`,
    );
    return { table, rows: rows[0]?.rows ?? 0, checksum: rows[0]?.checksum ?? null };
}
