import pg from "pg";
import { byteSize } from "../../runner/byteSize.ts";
import { connected, type Environment } from "../../runner/database/connection.ts";
import { connectionLost, isDenied } from "../../runner/database/sqlError.ts";
import { splitStatements } from "../../runner/migration/statements.ts";
import { nodesOf, strings, treeOf } from "../../runner/migration/tree.ts";
import type { TargetLook } from "../look/targetLook.ts";
import type { Trial } from "../trial/observation.ts";
import { type Demand, demandsOf } from "./demands.ts";
import { wayBackDemands } from "./wayBack.ts";

/** How many rows of the target are not what is demanded of them, or why nobody knows. */
export interface Violation extends Demand {
    readonly count: { readonly rows: number } | { readonly why: string };
}

/** How long one count may take, in milliseconds. */
const countTimeoutMs = 5000;

/** How long all counts together may take, in milliseconds, so that a preview of many constraints does not drag on. */
const allCountsMs = 10_000;

/** Of the rows alone: what is larger is not read through for a preview. */
const mostBytes = 1e9;

/**
 * Counts on the target, in a session that cannot write, the rows that migrations would find at fault. A shadow has none.
 * What names something that only the migration makes is left out.
 */
export async function countViolations(
    environment: Environment,
    look: Pick<TargetLook, "tables" | "catalog">,
    trials: readonly Trial[],
): Promise<Violation[]> {
    const demands = [...(await demandsOf(trials, look)), ...(await wayBackDemands(trials, look))];
    if (demands.length === 0) return [];
    return await connected(environment, "preview", async client => {
        // Without row_security a login that sees only some rows gets an error, not a number that is too small.
        await client.query(
            `set default_transaction_read_only = on; set statement_timeout = ${countTimeoutMs}; set lock_timeout = 1000;
             set row_security = off; set jit = off`,
        );
        await lookForOperatorsOfExtensions(client);
        const counted: Violation[] = [];
        const end = performance.now() + allCountsMs;
        for (const demand of demands) {
            const count =
                performance.now() < end
                    ? await countOf(client, demand, look)
                    : { why: `the counts before it took ${allCountsMs / 1000} s` };
            if (count) counted.push({ ...demand, count });
        }
        return counted;
    });
}

/** All names are written with their schema but the `=` of a foreign key, and that of citext is not that of text. */
async function lookForOperatorsOfExtensions(client: pg.Client): Promise<void> {
    await client.query(
        `select pg_catalog.set_config('search_path', coalesce(string_agg(distinct quote_ident(n.nspname), ', '), ''), false)
         from pg_catalog.pg_extension as e inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace`,
    );
}

async function countOf(
    client: pg.Client,
    demand: Demand,
    { tables }: Pick<TargetLook, "tables">,
): Promise<Violation["count"] | undefined> {
    const { table, parent, query: text, expressions, everyRow } = demand;
    for (const name of [table, parent]) {
        const bytes = name === undefined ? 0 : (tables.get(name)?.heapBytes ?? 0);
        if (bytes <= mostBytes) continue;
        const estimate = tables.get(table)?.rows ?? 0;
        return everyRow && estimate > 0 ? { rows: estimate } : { why: `${name} is larger than ${byteSize(mostBytes)}` };
    }
    try {
        const unsafe = await notImmutable(client, expressions);
        if (unsafe !== undefined)
            return { why: `${unsafe} is no immutable function of the target, so it is not called there` };
        // In the extended protocol, which takes one statement and no second one behind it.
        const { rows } = await client.query<{ rows: string }>({ text, queryMode: "extended" } as pg.QueryConfig);
        return { rows: Number(rows[0]?.rows ?? 0) };
    } catch (error) {
        if (isDenied(error))
            return { why: `this login may not read all rows of ${[table, parent].filter(Boolean).join(" and ")}` };
        if (connectionLost(error)) return { why: "the connection was lost" };
        if (!(error instanceof pg.DatabaseError)) throw error;
        // A column, table, type or operator that only the migration makes.
        if (["42703", "42P01", "42704", "42883"].includes(error.code ?? "")) return undefined;
        if (error.code === "57014") return { why: `it took longer than ${countTimeoutMs / 1000} s` };
        if (error.code === "55P03") return { why: "another session holds its lock" };
        // Not its message: there may be a value of a row in it.
        return { why: `PostgreSQL could not compute it (SQLSTATE ${error.code})` };
    }
}

/**
 * The first function or operator called that is not immutable, by name. The text comes from a migration that nobody may have read yet,
 * and others could do or tell anything.
 */
async function notImmutable(client: pg.Client, expressions: readonly string[]): Promise<string | undefined> {
    const called: { kind: "function" | "operator"; name: string[] }[] = [];
    for (const expression of expressions) {
        const [statement] = await splitStatements(`select ${expression}`, "").catch(() => []);
        if (!statement) return expression;
        for (const { kind, node } of nodesOf(treeOf(statement))) {
            if (kind === "SubLink") return "a query";
            if (kind === "SQLValueFunction") return "the time or the user";
            if (kind === "FuncCall") called.push({ kind: "function", name: strings(node.funcname) });
            if (kind === "A_Expr") called.push({ kind: "operator", name: strings(node.name) });
        }
    }
    for (const { kind, name } of called) {
        const [schema, bare] = name.length > 1 ? name : ["pg_catalog", name[0]];
        // PostgreSQL's own operators ask nobody but their operands; some on times are stable.
        if (kind === "operator" && schema === "pg_catalog") continue;
        const { rows } = await client.query<{ safe: boolean | null }>(volatilityOf[kind], [schema, bare]);
        if (rows[0]?.safe !== true) return name.join(".");
    }
    return undefined;
}

/** Whether all of a schema ($1) and a name ($2) are immutable; null when there is none. */
const volatilityOf = {
    function: `select bool_and(provolatile = 'i') as safe from pg_catalog.pg_proc
        where proname = $2 and pronamespace = (select oid from pg_catalog.pg_namespace where nspname = $1)`,
    operator: `select bool_and(p.provolatile = 'i') as safe
        from pg_catalog.pg_operator as o inner join pg_catalog.pg_proc as p on p.oid = o.oprcode
        where oprname = $2 and oprnamespace = (select oid from pg_catalog.pg_namespace where nspname = $1)`,
};
