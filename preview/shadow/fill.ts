import type pg from "pg";
import { readCatalog } from "../../runner/catalog/catalog.ts";
import type { Environment } from "../../runner/database/connection.ts";
import { ensureLedger } from "../../runner/ledger/ledger.ts";
import { UserError } from "../../runner/userError.ts";
import type { Look } from "../look/look.ts";
import type { Catalog } from "../trial/observation.ts";
import { type CatalogScript, dumpSchema, planSchema, runScript } from "./copy.ts";
import { allowWhatSupautilsAllows } from "./platform.ts";
import { dressDatabase, giveColumnPrivileges, giveDefaultPrivileges, makeComingRoles } from "./roles.ts";

/** A database with the target's roles beside it, and what was made of it. */
export interface Filled {
    readonly copiedBy: CatalogScript["by"];
    readonly notes: readonly string[];
    readonly isOwn: (key: string) => boolean;
    readonly asPlatform?: (kind: string, tree: Record<string, unknown>) => boolean;
    /** Names of what the target has and the copy has not. */
    readonly missing: readonly string[];
    /** As the role that runs the migrations. */
    readonly client: pg.Client;
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
 * Fills an empty database with the target's catalog, gives it the target's settings, and makes the ledger in it.
 *
 * @param admin the superuser, in that database
 * @throws UserError when the catalog cannot be copied
 */
export async function fill(
    admin: pg.Client,
    environment: Environment,
    look: Look,
    { comingRoles, database, enter }: Room,
): Promise<Filled> {
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
    const platform = look.hasSupautils ? await allowWhatSupautilsAllows(admin) : undefined;
    const copy = await catalogOf(admin);
    notes.push(...differences(look, copy, platform?.isOwn ?? (() => false)));
    for (const { statement, message } of refused.slice(0, 5)) {
        notes.push(`the shadow refused "${statement.split("\n")[0]}": ${message}`);
    }
    if (refused.length > 5) notes.push(`and ${refused.length - 5} more statements of the copy`);
    // The catalog is asked for often from here on, and nothing else gathers statistics of it.
    await admin.query("analyze");

    const client = await enter();
    notes.push(...(await makeComingRoles(client, look, comingRoles)));
    await ensureLedger(client);
    for (const row of look.ledgerRows) {
        await client.query(
            "insert into simulation_db.migration select * from jsonb_populate_record(null::simulation_db.migration, $1)",
            [row],
        );
    }
    await platform?.finish(look.runsAs);
    return {
        copiedBy: script.by,
        notes,
        missing: [...look.catalog.keys()].filter(key => !copy.has(key)).flatMap(nameIn),
        client,
        isOwn: platform?.isOwn ?? (() => false),
        ...(platform ? { asPlatform: platform.asPlatform } : {}),
    };
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

async function catalogOf(admin: pg.Client): Promise<Catalog> {
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
        key => !isOwn(key) && plain(look.catalog.get(key)) !== plain(copy.get(key)),
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
