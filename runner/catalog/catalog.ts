import { readFileSync } from "node:fs";
import type pg from "pg";
import { hashOf } from "../migration/migration.ts";
import { createFingerprint } from "./fingerprint.ts";

const text = readFileSync(new URL("catalog.sql", import.meta.url), "utf8");

/**
 * In PL/pgSQL, which plans the query once per session: planning takes as long as running it. How a value is written
 * down must not depend on the session, the role or the database, so all that has a say in it is set here, as pg_dump does.
 */
const createCatalog = `
    create or replace function simulation_db.catalog() returns table (key text, definition text)
        language plpgsql stable
        set search_path = '' set quote_all_identifiers = off
        set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'postgres' set extra_float_digits = 3 set bytea_output = 'hex'
        as $catalog$
        begin
            return query ${text};
        end
        $catalog$;
    revoke execute on function simulation_db.catalog() from public`;

/** What the installed functions are compared with, so that a newer version of this tool brings its own. */
const version = hashOf(createCatalog + createFingerprint).slice(0, 16);

/**
 * Installs `simulation_db.catalog()`, the catalog as rows of (key, definition). On the server, so that a comparison
 * costs one round trip and sees the uncommitted changes of the migration's own transaction, which no library that
 * opens connections of its own can; and pinned to an empty search path, so that all names are written in full. And
 * `simulation_db.fingerprint()`, which says whether a look at the whole catalog is needed at all.
 *
 * The caller holds the advisory lock, and the ledger's schema exists.
 */
export async function ensureCatalogFunctions(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ version: string | null }>(
        "select obj_description(to_regprocedure('simulation_db.catalog()'), 'pg_proc') as version",
    );
    if (rows[0]?.version === version) return;
    await client.query(
        `${createCatalog}; ${createFingerprint}; comment on function simulation_db.catalog() is '${version}'`,
    );
}
