import type pg from "pg";
import { type Catalog, readCatalog } from "../../runner/catalog/catalog.ts";
import type { Environment } from "../../runner/database/connection.ts";
import { ensureLedger } from "../../runner/ledger/create.ts";
import { UserError } from "../../runner/userError.ts";
import { hashOfCatalog, type Look, readCollations } from "../look/look.ts";
import { type CatalogScript, dumpSchema, planSchema, runScript } from "./copy.ts";
import { allowExtensions, allowPolicies, platformOf } from "./platform.ts";
import { dressDatabase, giveColumnPrivileges, giveDefaultPrivileges, giveSettings, makeComingRoles } from "./roles.ts";

/** What was made of an empty database, and where it is not the target's. */
export interface CatalogCopy {
    readonly copiedBy: CatalogScript["by"];
    readonly notes: readonly string[];
    /** Names of what the target has and the copy has not. */
    readonly missing: readonly string[];
    /** Of the copy's own catalog. */
    readonly catalogHash: string;
}

/** Where the catalog goes. */
export interface Room {
    readonly comingRoles: readonly string[];
    /** Shared: others use the server as well, so what is not this database's stays as it is. */
    readonly database: { readonly name: string; readonly shared: boolean };
    /** Opens a session as the role that runs the migrations. */
    readonly enter: () => Promise<pg.Client>;
}

/**
 * Fills an empty database with the target's catalog. There is no secret in it that the catalog's own texts do not have.
 *
 * @param admin the superuser, in that database
 * @throws UserError when the catalog cannot be copied
 */
export async function copyCatalog(
    admin: pg.Client,
    environment: Environment,
    look: Look,
    database: Room["database"],
): Promise<CatalogCopy> {
    const notes: string[] = [];
    const script = await dumpSchema(environment, look.major).catch(async (error: unknown) => {
        if (!(error instanceof UserError)) throw error;
        notes.push(`the catalog was not copied by pg_dump: ${error.message}`);
        return await planSchema(environment, admin);
    });
    const refused = await runScript(admin, script);
    notes.push(...script.notes);
    if (script.by === "pg-delta") {
        await giveDefaultPrivileges(admin, look);
        await giveColumnPrivileges(admin, look);
    }
    await dressDatabase(admin, look, database);
    if (look.hasSupautils) await allowPolicies(admin);
    const copy = await readCopy(admin);
    notes.push(...differences(look, copy, platformOf(look).isOwn));
    for (const { statement, message } of refused.slice(0, 5)) {
        notes.push(`the shadow refused "${statement.split("\n")[0]}": ${message}`);
    }
    if (refused.length > 5) notes.push(`and ${refused.length - 5} more statements of the copy`);
    // The catalog is asked for often from here on, and nothing else gathers statistics of it.
    await admin.query("analyze");
    return {
        copiedBy: script.by,
        notes,
        catalogHash: hashOfCatalog(copy),
        missing: [...look.catalog.keys()].filter(key => !copy.has(key)).flatMap(nameIn),
    };
}

/**
 * Gives the copy what belongs to this preview alone: the target's settings, the roles that are about to come, and the
 * ledger.
 *
 * @returns a session as the role that runs the migrations, notes on where the shadow is not the target, and names of what
 *   it has not
 */
export async function moveIn(
    admin: pg.Client,
    look: Look,
    { comingRoles, database, enter }: Room,
): Promise<{ client: pg.Client; notes: string[]; missing: string[] }> {
    const notes = await giveSettings(admin, look, database);
    await populate(admin, look);
    const client = await enter();
    notes.push(...(await makeComingRoles(client, look, comingRoles)));
    await ensureLedger(client);
    for (const row of look.ledgerRows) {
        await client.query(
            "insert into simulation_db.migration select * from jsonb_populate_record(null::simulation_db.migration, $1)",
            [row],
        );
    }
    if (look.hasSupautils) await allowExtensions(admin, look.runsAs);
    const collations = await readCollations(admin);
    return { client, notes, missing: look.collations.filter(name => !collations.includes(name)) };
}

/**
 * Lets those materialized views be read that can be read on the target: a copy of the catalog alone has none that can.
 * Their queries are not run for it, since over no rows they find nothing, and one may ask a foreign server.
 */
async function populate(admin: pg.Client, { populated }: Look): Promise<void> {
    await admin.query(
        `update pg_catalog.pg_class as c set relispopulated = format('%I.%I', n.nspname, c.relname) = any ($1)
         from pg_catalog.pg_namespace as n where n.oid = c.relnamespace and c.relkind = 'm'`,
        [populated],
    );
}

/** What an error would call the object of a catalog's key: `index public.a_b` is `a_b`. */
function nameIn(key: string): string[] {
    const [, part] = /^(?:constraint|trigger|policy|rule) (.+) on /.exec(key) ?? [];
    const [, whole] =
        /^(?:table|partitioned table|view|materialized view|index|function|type|sequence|statistics) [^.]+\.([^(]+)/.exec(
            key,
        ) ?? [];
    const name = part ?? whole;
    return name === undefined ? [] : [name.replaceAll('"', "")];
}

/** The catalog of a copy, in a transaction of its own. */
export async function readCopy(admin: pg.Client): Promise<Catalog> {
    await admin.query("begin");
    try {
        return await readCatalog(admin);
    } finally {
        await admin.query("rollback");
    }
}

/**
 * Without what a copy changes and means nothing: the brackets that PostgreSQL adds each time it writes down an
 * expression that it has read back, and the order of an event trigger's tags.
 */
function plain(definition: string | undefined): string | undefined {
    return definition
        ?.replaceAll(/[\s()]/g, "")
        .replaceAll(/\{([^}]*)\}/g, (_, list: string) => `{${list.split(",").sort().join(",")}}`);
}

/** Where the copy is not the target, by name: what is said of these is said of the copy. */
function differences(look: Look, copy: Catalog, isOwn: (key: string) => boolean): string[] {
    const keys = [...new Set([...look.catalog.keys(), ...copy.keys()])].filter(
        key => !isOwn(key) && !key.startsWith("settings of ") && plain(look.catalog.get(key)) !== plain(copy.get(key)),
    );
    const order = keys.filter(key => key.startsWith("column order of "));
    const other = keys.filter(key => !key.startsWith("column order of "));
    const name = (list: string[]) =>
        `${list.slice(0, 5).join(", ")}${list.length > 5 ? ` and ${list.length - 5} more` : ""}`;
    return [
        ...(order.length > 0
            ? [
                  `the shadow has columns in another order, so "select *" and inserts without column names may do something else on the target: ${name(order.map(key => key.slice("column order of ".length)))}`,
              ]
            : []),
        ...(other.length > 0 ? [`the shadow differs from the target in: ${name(other)}`] : []),
    ];
}
