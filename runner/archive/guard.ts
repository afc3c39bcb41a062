import type pg from "pg";
import { readDirectives, readDownDirectives } from "../migration/directives.ts";
import type { LedgerRow } from "../ledger/ledger.ts";
import { fileName, label, type Migration } from "../migration/migration.ts";
import { splitStatements } from "../migration/statements.ts";
import type { Session } from "../database/session.ts";
import { withRetries } from "../database/retry.ts";
import { inTransaction } from "../database/transaction.ts";

/** What guards are called, with the version of the migration that is rolled back in brackets. A regular expression of PostgreSQL. */
export const guardName = "^simulation_db_leaving_(\\d{4})_\\d+$";

/** A smaller table is read so quickly that its writers may wait, in bytes. */
export const largeTable = 64 * 2 ** 20;

/**
 * Before a down that takes rows out of large tables (`archive-rows`) to give them a rule back, as `not null`: sees to it
 * that no more such rows come. Each gets a guard, a check that is not validated, in a short transaction of its own. So
 * while the rows leave and the server reads what stays, everybody goes on writing; without it the table would be locked
 * for as long as both take.
 *
 * There is none where the condition is more than a comparison of the row with constants, as clients' own statements
 * meet it, or where PostgreSQL does not take it: keepRows says so then.
 *
 * @param found what up found already there, as JSON text: a condition may ask for it
 * @returns the tables that have one; {@link lowerGuards} is to follow
 * @throws UserError when a table is not to be had
 */
export async function raiseGuards(
    { client, settings }: Session,
    migration: Migration,
    found: string | null,
    say: (line: string) => void,
): Promise<string[]> {
    if (!settings.archive) return [];
    const { archiveRows } = readDownDirectives(migration.down, fileName(migration, "down"));
    const guards: { readonly table: string; readonly sql: string }[] = [];
    for (const [index, { table, where }] of archiveRows.entries()) {
        const condition = withFound(where, client.escapeLiteral(found ?? ""));
        if (!(await isLarge(client, table)) || !(await isPlain(condition))) continue;
        const name = `simulation_db_leaving_${migration.version}_${index + 1}`;
        const why = `${label(migration)} is being rolled back, and rows where ${where} leave. If no run of simulation-db is under way, the next one takes this check away.`;
        const sql = `
            alter table ${table} drop constraint if exists ${name}, add constraint ${name} check (not (${condition})) not valid;
            comment on constraint ${name} on ${table} is ${client.escapeLiteral(why)}`;
        guards.push({ table, sql });
    }
    if (guards.length === 0) return [];
    const directives = readDirectives(migration.up, fileName(migration, "up"));
    const raise = () => client.query(guards.map(({ sql }) => sql).join(";"));
    try {
        await withRetries(settings.retryForMs, say, () => inTransaction(client, directives, settings, raise));
    } catch (error) {
        // Its author's SQL (classes 0A, 22, 42), or not our table.
        if (/^(0A|22|42)/.test((error as pg.DatabaseError).code ?? "")) return [];
        throw error;
    }
    return guards.map(({ table }) => table);
}

/**
 * In the transaction of down, when the rows have left: PostgreSQL reads the tables, while others go on writing, and
 * knows from then on what `set not null` would look for (its documentation, "ALTER TABLE", SET NOT NULL).
 */
export async function validateGuards(client: pg.Client): Promise<void> {
    for (const { table, name } of await readGuards(client)) {
        await client.query(`alter table ${table} validate constraint ${name}`);
    }
}

/** Takes them away, wherever they are by now. */
export async function lowerGuards(client: pg.Client): Promise<void> {
    for (const { table, name } of await readGuards(client)) {
        await client.query(`alter table ${table} drop constraint ${name}`);
    }
}

/** The same after a down that failed, outside its transaction. */
export async function takeGuardsAway({ client, settings }: Session, say: (line: string) => void): Promise<void> {
    await withRetries(settings.retryForMs, say, () => inTransaction(client, {}, settings, () => lowerGuards(client)));
}

/** The same after a run that was killed. @param applied the ledger, which says whether one has left any */
export async function lowerLeftGuards(
    session: Session,
    applied: readonly Pick<LedgerRow, "guarded">[],
    say: (line: string) => void,
): Promise<void> {
    if (applied.some(({ guarded }) => guarded)) await takeGuardsAway(session, say);
}

/** Those of tables that inherit one go with it. */
async function readGuards(client: pg.Client): Promise<{ readonly table: string; readonly name: string }[]> {
    const { rows } = await client.query<{ table: string; name: string }>(
        `select format('%I.%I', n.nspname, c.relname) as table, quote_ident(k.conname) as name
         from pg_catalog.pg_constraint as k
         inner join pg_catalog.pg_class as c on c.oid = k.conrelid
         inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         where k.contype = 'c' and k.coninhcount = 0 and k.conname ~ '${guardName}'
         order by 1, 2`,
    );
    return rows;
}

/** The setting is down's own; those who write to the table have none. */
function withFound(condition: string, found: string): string {
    return condition.replaceAll(/current_setting\(\s*'simulation_db\.found'\s*(?:,\s*true\s*)?\)/g, () => found);
}

/** With its partitions, and the tables that inherit from it. */
async function isLarge(client: pg.Client, table: string): Promise<boolean> {
    const { rows } = await client.query<{ large: boolean }>(
        `with recursive part (oid) as (
             select to_regclass($1)::oid
             union
             select i.inhrelid from part inner join pg_catalog.pg_inherits as i on i.inhparent = part.oid
         )
         select coalesce(sum(pg_relation_size(oid)), 0) >= $2 as large from part`,
        [table, largeTable],
    );
    return rows[0]?.large === true;
}

/** Nodes of a parse tree that only look at the row and at constants, and those around them. */
const plainNodes = new Set(
    [
        "A_Expr",
        "BoolExpr",
        "NullTest",
        "BooleanTest",
        "ColumnRef",
        "A_Const",
        "A_ArrayExpr",
        "TypeCast",
        "TypeName",
    ].concat("String", "Integer", "List", "ResTarget"),
);

/** Constants that mean another time whenever they are read (PostgreSQL documentation, 8.5.1.4 "Special Values"). */
const passingTimes = /'\s*(now|today|tomorrow|yesterday)\b/i;

async function isPlain(condition: string): Promise<boolean> {
    if (passingTimes.test(condition)) return false;
    const statements = await splitStatements(`select ${condition}`, "condition").catch(() => []);
    return statements.length === 1 && statements.every(({ tree }) => nodesOf(tree).every(node => plainNodes.has(node)));
}

/** Names of the nodes below: PostgreSQL's begin with a capital letter, their fields do not. */
function nodesOf(tree: unknown): string[] {
    if (typeof tree !== "object" || tree === null) return [];
    return Object.entries(tree).flatMap(([name, value]) => [...(/^[A-Z]/.test(name) ? [name] : []), ...nodesOf(value)]);
}
