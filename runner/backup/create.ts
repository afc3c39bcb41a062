import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { byteSize } from "../byteSize.ts";
import type { Environment } from "../database/connection.ts";
import { readLedger } from "../ledger/ledger.ts";
import type { Session } from "../database/session.ts";
import { hashOf } from "../migration/migration.ts";
import type { Say } from "../output.ts";
import { UserError } from "../userError.ts";
import { contentSettings, readContent, readTables, type TableContent, type TableSize } from "./content.ts";
import { type DumpSource, dump, requireListed } from "./dump.ts";
import { reasonOf } from "./failure.ts";
import { type BackupFile, type Manifest, sizeOf, writeManifest } from "./manifest.ts";
import { keepNewest, removeLeftovers, unfinished } from "./retention.ts";
import type { BackupSettings } from "./settings.ts";
import { requireSpace } from "./space.ts";
import { findTools, toolEnvironment } from "./tools.ts";

/** The schemas that the migrations touch or keep their accounts in; those that do not exist are passed over. */
const touched = ["public", "simulation_private", "simulation_db", "simulation_db_archive"];

/** Supabase's own ledger, where the migrations are mirrored; the login may have no business there. */
const mirrored = "supabase_migrations";

/**
 * Dumps the schemas that the migrations touch, with their rows, and the definitions of the whole database. A backup is
 * a folder, which gets its name only when all in it is there and was read back: pg_restore has listed the dumps, and
 * the manifest has counted, in the same snapshot, what is in them.
 *
 * @param say progress, for people
 * @returns one line for people, with id and path
 * @throws UserError when a backup is required and cannot be made
 */
export async function createBackup(
    session: Session,
    settings: BackupSettings,
    environment: Environment,
    say: Say,
): Promise<string> {
    if (settings.mode === "off") return "no backup (backup: off)";
    try {
        const manifest = await create(session, settings, environment, say);
        const { bytes, rows } = sizeOf(manifest);
        const path = join(settings.folder, manifest.id);
        return `backup ${manifest.id} in ${path}: ${rows} rows, ${byteSize(bytes)}`;
    } catch (error) {
        const reason = reasonOf(error);
        if (!reason || settings.mode === "required") throw reason ?? error;
        return `warning: no backup: ${reason.message.split("\n")[0]}`;
    }
}

async function create(
    session: Session,
    { folder, keep }: BackupSettings,
    environment: Environment,
    say: Say,
): Promise<Manifest> {
    const { client, identity, settings } = session;
    const server = await readServer(client);
    const tools = await findTools("server", server.major, environment);
    const lockWaitMs = Math.max(1000, settings.retryForMs);
    const prefix = `${server.database.replaceAll(/[^A-Za-z0-9_]/g, "_")}-${hashOf(identity).slice(0, 8)}-`;

    // Dumps hold what people wrote: a new folder is nobody else's, and no commit takes it along.
    if (await mkdir(folder, { recursive: true, mode: 0o700 })) await writeFile(join(folder, ".gitignore"), "*\n");
    await removeLeftovers(folder, prefix);

    const { statementTimeoutMs } = settings;
    return await inSnapshot(client, { lockWaitMs, statementTimeoutMs }, async ({ snapshot, at }) => {
        const schemas = await readSchemas(client);
        const sizes = await readTables(client, schemas);
        await requireSpace(
            folder,
            sizes.reduce((sum, { bytes }) => sum + bytes, 0),
        );

        const id = `${prefix}${at.toISOString().replaceAll(/[-:.]/g, "")}`;
        const part = join(folder, `${id}${unfinished}`);
        await mkdir(part, { mode: 0o700 });
        try {
            const source = { tools, variables: toolEnvironment(environment, tools), snapshot, lockWaitMs };
            const manifest = await fillFolder(part, { id, at, server, schemas, sizes }, source, session, say);
            await rename(part, join(folder, id));
            await syncFolder(folder);
            // The backup is made: what follows cannot take that back.
            await keepNewest(folder, prefix, keep).catch((error: Error) =>
                say(`older backups could not be removed: ${error.message}`),
            );
            return manifest;
        } finally {
            await rm(part, { recursive: true, force: true });
        }
    });
}

/**
 * One snapshot for all: counted is what is dumped, whoever writes meanwhile.
 *
 * @param work given the snapshot's name, which is exported while the work goes on, and its moment
 */
async function inSnapshot<T>(
    client: pg.Client,
    { lockWaitMs, statementTimeoutMs }: { readonly lockWaitMs: number; readonly statementTimeoutMs: number },
    work: (taken: { readonly snapshot: string; readonly at: Date }) => Promise<T>,
): Promise<T> {
    await client.query(
        `begin transaction isolation level repeatable read, read only; ${contentSettings};
         set local lock_timeout = ${lockWaitMs}; set local statement_timeout = ${statementTimeoutMs};
         set local idle_in_transaction_session_timeout = 0`,
    );
    try {
        const { rows } = await client.query<{ snapshot: string; at: Date }>(
            "select pg_export_snapshot() as snapshot, now() as at",
        );
        const { snapshot = "", at = new Date() } = rows[0] ?? {};
        return await work({ snapshot, at });
    } finally {
        await client.query("rollback").catch(() => {});
    }
}

/** What a backup is of. */
interface Subject {
    readonly id: string;
    readonly at: Date;
    readonly server: Server;
    readonly schemas: readonly string[];
    /** Of the tables whose rows are in it. */
    readonly sizes: readonly TableSize[];
}

/** Writes the dumps and the manifest of what the snapshot has. */
async function fillFolder(
    part: string,
    { id, at, server, schemas, sizes }: Subject,
    source: DumpSource,
    { client, identity, settings }: Session,
    say: Say,
): Promise<Manifest> {
    const only = schemas.flatMap(schema => ["--schema", schema]);
    // Side by side: the server reads, pg_dump compresses. Both end before anything else is said or done.
    const [dumped, counted] = await Promise.allSettled([
        dump(join(part, "rows.dump"), only, source),
        readContents(client, sizes),
    ]);
    const rows = valueOf(dumped);
    const tables = valueOf(counted);
    await requireListed(join(part, "rows.dump"), sizes, source);
    const wholeSchema = await dumpWholeSchema(join(part, "schema.dump"), source, say);
    const manifest: Manifest = {
        format: 1,
        id,
        at: at.toISOString(),
        database: identity,
        stack: settings.stack,
        newestMigration: (await readLedger(client)).at(-1)?.version ?? "0000",
        serverVersion: server.version,
        serverMajor: server.major,
        encoding: server.encoding,
        pgDumpVersion: source.tools.version,
        pgDumpMajor: source.tools.major,
        schemas,
        rows,
        wholeSchema,
        storagePolicies: await readStoragePolicies(client),
        tables,
    };
    await writeManifest(part, manifest);
    return manifest;
}

function valueOf<T>(settled: PromiseSettledResult<T>): T {
    if (settled.status === "rejected") throw settled.reason;
    return settled.value;
}

async function readContents(client: pg.Client, tables: readonly TableSize[]): Promise<TableContent[]> {
    const content: TableContent[] = [];
    for (const table of tables) content.push(await readContent(client, table));
    return content;
}

async function readSchemas(client: pg.Client): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
        `select nspname::text as name from pg_catalog.pg_namespace as n
         where nspname = any ($1) or (
             nspname = $2 and has_schema_privilege(n.oid, 'usage') and not exists (
                 select from pg_catalog.pg_class where relnamespace = n.oid and relkind in ('r', 'S') and not has_table_privilege(pg_class.oid, 'select')
             )
         )
         order by 1`,
        [touched, mirrored],
    );
    return rows.map(({ name }) => name);
}

/** All schemas without their rows: roles of the platform may keep a login from it, and that is no reason to stop. */
async function dumpWholeSchema(file: string, source: DumpSource, say: Say): Promise<Manifest["wholeSchema"]> {
    try {
        const made: BackupFile = await dump(file, ["--schema-only"], source);
        await requireListed(file, [], source);
        return made;
    } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const refused = /ERROR: +(.*)/.exec(error.message)?.[1] ?? error.message.split("\n")[0] ?? "";
        say(`the backup holds no definitions of the other schemas: ${refused}`);
        await rm(file, { force: true });
        return { refused };
    }
}

interface Server {
    readonly database: string;
    readonly major: number;
    readonly version: string;
    readonly encoding: string;
}

async function readServer(client: pg.Client): Promise<Server> {
    const { rows } = await client.query<Server>(
        `select current_database() as database, current_setting('server_version_num')::int / 10000 as major,
                current_setting('server_version') as version, current_setting('server_encoding') as encoding`,
    );
    if (!rows[0]) throw new Error("the server did not say who it is");
    return rows[0];
}

/** Any login may read the catalog, so these are in every backup, also where the schema of Storage cannot be dumped. */
async function readStoragePolicies(client: pg.Client): Promise<string[]> {
    const { rows } = await client.query<{ sql: string }>(
        `select format(
             'create policy %I on %I.%I as %s for %s to %s%s%s;', policyname, schemaname, tablename, lower(permissive), lower(cmd),
             (select string_agg(quote_ident(role), ', ') from unnest(roles) as role), ' using (' || qual || ')', ' with check (' || with_check || ')'
         ) as sql
         from pg_catalog.pg_policies where schemaname = 'storage' order by tablename, policyname`,
    );
    return rows.map(({ sql }) => sql);
}

/** Makes the new name last through a power cut. */
async function syncFolder(folder: string): Promise<void> {
    const handle = await open(folder);
    try {
        await handle.sync();
    } finally {
        await handle.close();
    }
}
