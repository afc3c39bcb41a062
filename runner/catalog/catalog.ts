import { readFileSync } from "node:fs";
import type pg from "pg";
import { hashOf } from "../migration/migration.ts";
import { createVersions, manyOf } from "./versions.ts";

/** Key to definition, as objects.sql and others.sql say it. */
export type Catalog = ReadonlyMap<string, string>;

const read = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
const objects = read("objects.sql");
const others = read("others.sql");
const text = `select * from (${objects}) as o union all select * from (${others}) as o`;
const createChanges = read("changes.sql").replace("{MANY}", `{${manyOf.map(name => `pg_catalog.${name}`).join(",")}}`);

/**
 * How a value is written down must not depend on the session, the role or the database, so all that has a say in it is
 * set, as pg_dump does.
 */
const howToWrite = {
    search_path: "''",
    quote_all_identifiers: "off",
    timezone: "'UTC'",
    datestyle: "'ISO'",
    intervalstyle: "'postgres'",
    extra_float_digits: "3",
    bytea_output: "'hex'",
};

/** The same for some objects only: `wanted` are theirs, `named` are those of the relations and types that name them. */
const someObjects = objects
    .replaceAll(/-- wanted: (\S+)$/gm, "and $1 = any (wanted)")
    .replaceAll(/-- named: (\S+)$/gm, "and $1 = any (named)");

/**
 * In PL/pgSQL, which plans the query once per session: on a small database planning takes longer than running it. Never
 * compiled (`jit`): of its hundreds of expressions each is used for a moment.
 */
function createCatalog(signature: string, query: string): string {
    return `
        create or replace function simulation_db.${signature} returns table (key text, definition text, object oid)
            language plpgsql stable
            ${Object.entries(howToWrite)
                .map(([name, value]) => `set ${name} = ${value}`)
                .join(" ")}
            set jit = off set plan_cache_mode = force_generic_plan
            as $catalog$
            #variable_conflict use_column
            begin
                return query ${query};
            end
            $catalog$;
        revoke execute on function simulation_db.${signature} from public;`;
}

/** Another version of this tool, another server or another role may write the same catalog down differently. */
const createReader = `
    create or replace function simulation_db.reader() returns bigint
        language sql stable set search_path = ''
        as $reader$ select hashtextextended('${hashOf(text + JSON.stringify(howToWrite))} ' || current_setting('server_version_num') || ' ' || current_user, 0) $reader$;
    revoke execute on function simulation_db.reader() from public`;

/**
 * Makes `simulation_db.catalog()`, the catalog as rows of (key, definition). On the server, so that a comparison costs one
 * round trip and sees the uncommitted changes of the migration's own transaction, which no library that opens
 * connections of its own can; and pinned to an empty search path, so that all names are written in full. And
 * `simulation_db.changes()`, which says what changed in it since the snapshot without looking at all of it.
 */
export const createCatalogFunctions = [
    createCatalog("catalog()", text),
    createCatalog("catalog_of(wanted oid[], named oid[])", someObjects),
    createCatalog("catalog_others()", others),
    createReader,
    createVersions,
    createChanges,
].join(";\n");

/** What `simulation_db.catalog()` says now. */
export async function readInstalledCatalog(client: pg.Client): Promise<Map<string, string>> {
    return await readEntries(client, "select key, definition from simulation_db.catalog()");
}

/**
 * The same catalog, read without installing anything: for a look at a database that nothing may be made in. Any login
 * may, also one without privileges. Inside a transaction of the caller, whose settings it changes until the end.
 */
export async function readCatalog(client: pg.Client): Promise<Map<string, string>> {
    await client.query(
        Object.entries(howToWrite)
            .map(([name, value]) => `set local ${name} = ${value}`)
            .join(";"),
    );
    return await readEntries(client, text);
}

async function readEntries(client: pg.Client, query: string): Promise<Map<string, string>> {
    const { rows } = await client.query<{ key: string; definition: string }>(query);
    return new Map(rows.map(({ key, definition }) => [key, definition]));
}
