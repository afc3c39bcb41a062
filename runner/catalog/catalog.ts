import { readFileSync } from "node:fs";
import type pg from "pg";
import { hashOf } from "../migration/migration.ts";
import { createFingerprint } from "./fingerprint.ts";

const text = readFileSync(new URL("catalog.sql", import.meta.url), "utf8");

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

/**
 * In PL/pgSQL, which plans the query once per session: on a small database planning takes longer than running it. Never
 * compiled (`jit`): of its hundreds of expressions each is used for a moment. With `simulation_db.plan_only` on, it is
 * planned and not run.
 */
const createCatalog = `
    create or replace function simulation_db.catalog() returns table (key text, definition text)
        language plpgsql stable
        ${Object.entries(howToWrite)
            .map(([name, value]) => `set ${name} = ${value}`)
            .join(" ")}
        set jit = off
        as $catalog$
        begin
            return query ${text} where current_setting('simulation_db.plan_only', true) is distinct from 'on';
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

/** Plans `simulation_db.catalog()` for this session, so that no lock of a migration is held for that later. */
export async function planCatalog(client: pg.Client): Promise<void> {
    await client.query(
        "set simulation_db.plan_only = on; select from simulation_db.catalog(); reset simulation_db.plan_only",
    );
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
    const { rows } = await client.query<{ key: string; definition: string }>(text);
    return new Map(rows.map(({ key, definition }) => [key, definition]));
}
