import type pg from "pg";
import { type Catalog, readCatalog } from "../../runner/catalog/catalog.ts";
import { connected, type Environment } from "../../runner/database/connection.ts";
import { readIdentity } from "../../runner/database/identity.ts";
import { isDenied, isPassing } from "../../runner/database/sqlError.ts";
import { type LedgerRow, readLedger } from "../../runner/ledger/ledger.ts";
import { hashOf } from "../../runner/migration/migration.ts";
import type { TableSize, TargetLook } from "./targetLook.ts";
import { readExtensionFiles, type TargetExtensionFile } from "./extensions.ts";
import { readColumnPrivileges, readDefaultPrivileges, readRoles } from "./roles.ts";

/** How long a look may wait for the server, in milliseconds: a preview must not hang on a busy target. */
const statementTimeoutMs = 60_000;

/** How long it may wait for a lock that somebody keeps, in milliseconds. */
const lockTimeoutMs = 1000;

/** What a preview reads for itself alone: it is part of no report. */
export interface Look extends TargetLook {
    /** What a shadow may have to stand in for. */
    readonly extensionFiles: readonly TargetExtensionFile[];
    /** Rows of the ledger, as JSON, of the versions asked for; empty when it may not be read. */
    readonly ledgerRows: readonly string[];
    readonly defaultPrivileges: readonly DefaultPrivilege[];
    readonly columnPrivileges: readonly ColumnPrivilege[];
    /** Materialized views that have been refreshed, as `schema.name`. */
    readonly populated: readonly string[];
    /** Collations of PostgreSQL's own: many are those of the operating system. */
    readonly collations: readonly string[];
    /** Whether Supabase's library supautils lets the runner do what PostgreSQL alone would refuse. */
    readonly hasSupautils: boolean;
}

/** One entry of `alter default privileges … grant`. */
export interface DefaultPrivilege {
    readonly role: string;
    /** Null: in all schemas. */
    readonly schema: string | null;
    readonly kind: "r" | "S" | "f" | "T" | "n";
    /** Null: public. */
    readonly grantee: string | null;
    readonly privilege: string;
    readonly grantable: boolean;
}

/** One entry of `grant … (column) on table`. */
export interface ColumnPrivilege {
    /** Quoted. */
    readonly table: string;
    readonly column: string;
    /** Null: public. */
    readonly grantee: string | null;
    readonly privilege: string;
    readonly grantable: boolean;
}

/** How closely to look. */
export interface LookOptions {
    /** Whose rows of the ledger are wanted. */
    readonly versions?: readonly string[];
    /** Nothing is to be tried: sizes of tables, and what only a shadow needs, stay empty. */
    readonly nothingToTry?: boolean;
}

/**
 * Looks at the target in one short session that cannot write. A login without any privilege on its tables is enough:
 * everything but the ledger's rows is in catalogs that anybody may read.
 *
 * @throws UserError when the database cannot be reached
 */
export async function lookAt(
    environment: Environment,
    { versions = [], nothingToTry = false }: LookOptions = {},
): Promise<Look> {
    return await connected(environment, "preview", async client => {
        await client.query(
            `set default_transaction_read_only = on; set statement_timeout = ${statementTimeoutMs}; set jit = off`,
        );
        const identity = await readIdentity(client);
        // One snapshot for all of it; no lock is taken that anything but DROP would wait for.
        await client.query("begin transaction isolation level repeatable read, read only");
        const server = await readServer(client);
        const roles = await readRoles(client);
        const catalog = await readCatalog(client);
        const forTrial = nothingToTry ? nothingForTrial : await readForTrial(client);
        await client.query("commit");
        // After the catalog, as the target's was read before it: when both say the same, no run committed in between.
        const { ledger, ledgerRows } = await readHistory(client, versions);
        return {
            identity,
            ...server,
            ledger,
            ledgerRows,
            ...roles,
            ...forTrial,
            catalog,
            catalogHash: hashOfCatalog(catalog),
        };
    });
}

type ForTrial = Pick<
    Look,
    "tables" | "defaultPrivileges" | "columnPrivileges" | "extensionFiles" | "populated" | "collations"
>;

const nothingForTrial: ForTrial = {
    tables: new Map(),
    defaultPrivileges: [],
    columnPrivileges: [],
    extensionFiles: [],
    populated: [],
    collations: [],
};

async function readForTrial(client: pg.Client): Promise<ForTrial> {
    return {
        tables: await readSizes(client),
        defaultPrivileges: await readDefaultPrivileges(client),
        columnPrivileges: await readColumnPrivileges(client),
        extensionFiles: await readExtensionFiles(client),
        populated: await readPopulated(client),
        collations: await readCollations(client),
    };
}

/** The names, those of the database's encoding alone. */
export async function readCollations(client: pg.Client): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
        `select collname as name from pg_catalog.pg_collation
         where collnamespace = 'pg_catalog'::regnamespace
            and collencoding in (-1, pg_char_to_encoding(getdatabaseencoding()))
         order by collname`,
    );
    return rows.map(({ name }) => name);
}

async function readPopulated(client: pg.Client): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
        `select format('%I.%I', n.nspname, c.relname) as name
         from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         where c.relkind = 'm' and c.relispopulated order by 1`,
    );
    return rows.map(({ name }) => name);
}

/** Tables that have rows, or may have, as `schema.table` without quotes. */
export function tablesWithRows({ tables }: Pick<Look, "tables">): ReadonlySet<string> {
    // Of a partitioned table the rows are those of partitions that were analyzed.
    const filled = [...tables].filter(([, { rows, heapBytes }]) => rows !== 0 || heapBytes > 0);
    return new Set(filled.map(([name]) => name.replaceAll('"', "")));
}

/** SHA-256 of all keys and definitions; the order in which the server said them has no say. */
export function hashOfCatalog(catalog: Catalog): string {
    return hashOf(JSON.stringify([...catalog].sort(([a], [b]) => (a < b ? -1 : 1))));
}

async function readHistory(
    client: pg.Client,
    versions: readonly string[],
): Promise<{ ledger: LedgerRow[] | undefined; ledgerRows: string[] }> {
    try {
        const ledger = await readLedger(client);
        if (ledger.length === 0 || versions.length === 0) return { ledger, ledgerRows: [] };
        const { rows } = await client.query<{ row: string }>(
            "select to_jsonb(m)::text as row from simulation_db.migration as m where version = any ($1)",
            [versions],
        );
        return { ledger, ledgerRows: rows.map(({ row }) => row) };
    } catch (error) {
        // What is applied, the stack's state knows as well.
        if (isDenied(error)) return { ledger: undefined, ledgerRows: [] };
        throw error;
    }
}

type Server = Pick<
    Look,
    "major" | "serverVersion" | "login" | "runsAs" | "bootstrapRole" | "database" | "extensions" | "hasSupautils"
>;

async function readServer(client: pg.Client): Promise<Server> {
    const { rows } = await client.query<Server>(`
        select
            current_setting('server_version_num')::int / 10000 as major,
            current_setting('server_version') as "serverVersion",
            session_user as login,
            -- A preview may log in as somebody who can only look; up runs as whoever may create.
            case when has_database_privilege(d.oid, 'create') then session_user else d.datdba::regrole::text end as "runsAs",
            (select rolname from pg_catalog.pg_roles where oid = 10) as "bootstrapRole",
            jsonb_build_object(
                'name', d.datname, 'owner', (select rolname from pg_catalog.pg_roles where oid = d.datdba),
                'acl', d.datacl::text, 'comment', shobj_description(d.oid, 'pg_database'),
                'connectionLimit', d.datconnlimit, 'collation', d.datcollate
            ) as database,
            (
                select coalesce(jsonb_agg(jsonb_build_object('name', e.extname, 'version', e.extversion, 'schema', n.nspname) order by e.extname), '[]')
                from pg_catalog.pg_extension as e inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
            ) as extensions,
            (
                current_setting('supautils.privileged_role', true) is not null
                or exists (
                    select from pg_catalog.pg_db_role_setting, unnest(setconfig) as entry
                    where entry ~ '^session_preload_libraries=.*supautils'
                )
                -- A login may not read which libraries are loaded; without this one these roles would not be of use.
                or (
                    exists (select from pg_catalog.pg_roles where rolname = 'supabase_storage_admin')
                    and to_regnamespace('storage') is not null
                    and exists (select from pg_catalog.pg_roles where rolname = 'postgres' and not rolsuper)
                )
            ) and to_regnamespace('supautils_stand_in') is null as "hasSupautils"
        from pg_catalog.pg_database as d where d.datname = current_database()`);
    const row = rows[0];
    if (!row) throw new Error("the catalog does not know its own database");
    return row;
}

/**
 * From the statistics that the server keeps of its tables, so that none of them is read. To measure its files the server
 * locks a table for a moment; while somebody keeps one locked, the sizes are those of the last vacuum or analyze.
 */
async function readSizes(client: pg.Client): Promise<Map<string, TableSize>> {
    await client.query(`savepoint sizes; set local lock_timeout = ${lockTimeoutMs}`);
    try {
        return await readSizesBy(client, measured);
    } catch (error) {
        if (!isPassing(error)) throw error;
        await client.query("rollback to savepoint sizes");
        return await readSizesBy(client, remembered);
    }
}

/** SQL for the bytes of a table, by its oid. */
interface Bytes {
    readonly all: (oid: string) => string;
    readonly heap: (oid: string) => string;
}

const measured: Bytes = {
    all: oid => `pg_catalog.pg_total_relation_size(${oid})`,
    heap: oid => `pg_catalog.pg_relation_size(${oid})`,
};

const pagesOf = (which: string) =>
    `(select coalesce(sum(r.relpages), 0) * current_setting('block_size')::int from pg_catalog.pg_class as r where ${which})`;
const remembered: Bytes = {
    all: oid =>
        pagesOf(`r.oid in (
            select ${oid} union all select reltoastrelid from pg_catalog.pg_class where oid = ${oid}
            union all select indexrelid from pg_catalog.pg_index where indrelid = ${oid}
        )`),
    heap: oid => pagesOf(`r.oid = ${oid}`),
};

async function readSizesBy(client: pg.Client, { all, heap }: Bytes): Promise<Map<string, TableSize>> {
    // A partitioned table is as big as its partitions; its own estimate is that of its last ANALYZE.
    const sumOfParts = (part: string, from = "") =>
        `(select coalesce(sum(${part}), 0) from pg_catalog.pg_partition_tree(c.oid) as t ${from})`;
    const leaves = "inner join pg_catalog.pg_class as l on l.oid = t.relid where t.isleaf";
    const { rows } = await client.query<TableSize & { name: string }>(`
        select
            format('%I.%I', n.nspname, c.relname) as name,
            case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'm' then 'materialized view' else 'foreign table' end as kind,
            case when c.relkind = 'p' then ${sumOfParts("greatest(l.reltuples, 0)", leaves)} else c.reltuples end::float8 as rows,
            case when c.relkind = 'p' then ${sumOfParts(all("t.relid"))} else ${all("c.oid")} end::float8 as bytes,
            case when c.relkind = 'p' then ${sumOfParts(heap("t.relid"))} else ${heap("c.oid")} end::float8 as "heapBytes"
        from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'm', 'f') and n.nspname !~ '^(pg_|simulation_db)' and n.nspname <> 'information_schema'
        order by 1`);
    return new Map(rows.map(({ name, kind, rows, bytes, heapBytes }) => [name, { kind, rows, bytes, heapBytes }]));
}
