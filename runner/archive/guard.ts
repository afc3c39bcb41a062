import type pg from "pg";
import { type DownDirectives, readDownDirectives, readWayBack } from "../migration/directives.ts";
import { fileName, label, type Migration } from "../migration/migration.ts";
import type { Session } from "../database/session.ts";
import { largeTable } from "./table.ts";
import { inRetriedTransaction, withRetries } from "../database/retry.ts";

/** How the names of all guards begin; the catalog as this tool knows it (catalog/objects.sql) leaves them out. */
const prefix = "simulation_db_leaving_";

/** What guards are called, with the version of the migration that is rolled back in brackets. A regular expression of PostgreSQL. */
export const guardName = `^${prefix}(\\d{4})_\\d+$`;

/**
 * Condition on a constraint with this alias: somebody else's of that name is none, as what may not be taken away would stop
 * every run. SQL.
 */
export function isGuard(constraint: string): string {
    return `${constraint}.conname ~ '${guardName}' and exists (
        select from pg_catalog.pg_class as r where r.oid = ${constraint}.conrelid and pg_has_role(r.relowner, 'usage')
    )`;
}

/** Rows that leave a table: one `archive-rows` of a down. */
export type RowsThatLeave = DownDirectives["archiveRows"][number];

/** `org_id is null`, or the same where up found something: `… and (current_setting('simulation_db.found')::jsonb -> 'required')::boolean`. */
const withoutValue =
    /^([a-z_][a-z0-9_]*) is null(?: and \(current_setting\('simulation_db\.found'\)::jsonb ->>? '(\w+)'\)::boolean)?$/;

/** The column that has no value in these rows, where that is all that their condition asks of them. */
export function columnWithoutValue({ where }: Pick<RowsThatLeave, "where">): string | undefined {
    return withoutValue.exec(where)?.[1];
}

/**
 * Before a down that gives large tables a `not null` back, and takes the rows out that have no value (`archive-rows`):
 * sees to it that no more of them come. Each column gets a guard, a check that is not validated, in a short transaction.
 * So while the rows leave and the server reads those that stay, others go on writing; without it the table would be
 * locked for as long as both take.
 *
 * @param found what up found already there, as JSON text
 * @returns the rows that have one; {@link lowerGuards} is to follow
 * @throws UserError when a table is not to be had
 */
export async function raiseGuards(
    session: Session,
    migration: Migration,
    found: string | null,
    say: (line: string) => void,
): Promise<RowsThatLeave[]> {
    const { client, settings } = session;
    if (!settings.archive) return [];
    const { archiveRows } = readDownDirectives(migration.down, fileName(migration, "down"));
    const guarded: (RowsThatLeave & { readonly column: string })[] = [];
    for (const rows of archiveRows) {
        const column = requiredAgain(rows, migration.down, found);
        if (column === undefined) continue;
        if (await withRetries(session, say, () => isLarge(client, rows.table))) guarded.push({ ...rows, column });
    }
    if (guarded.length === 0) return [];
    const raise = guarded.map(({ table, where, column }, index) => {
        const name = `${prefix}${migration.version}_${index + 1}`;
        const why = `${label(migration)} is being rolled back, and rows where ${where} leave. If no run of simulation-db is under way, the next one takes this check away.`;
        return `
            alter table ${table} drop constraint if exists ${name}, add constraint ${name} check (${column} is not null) not valid;
            comment on constraint ${name} on ${table} is ${client.escapeLiteral(why)};`;
    });
    const directives = readWayBack(migration);
    try {
        await inRetriedTransaction(session, directives, say, () => client.query(raise.join("")));
    } catch (error) {
        // No such column, or not our table: keepRows says so.
        if (/^42/.test((error as pg.DatabaseError).code ?? "")) return [];
        throw error;
    }
    return guarded;
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

/** Those of tables that inherit one go with it. */
async function readGuards(client: pg.Client): Promise<{ readonly table: string; readonly name: string }[]> {
    const { rows } = await client.query<{ table: string; name: string }>(
        `select format('%I.%I', n.nspname, c.relname) as table, quote_ident(k.conname) as name
         from pg_catalog.pg_constraint as k
         inner join pg_catalog.pg_class as c on c.oid = k.conrelid
         inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         where k.contype = 'c' and k.coninhcount = 0 and ${isGuard("k")} order by 1, 2`,
    );
    return rows;
}

/** The column that has no value in these rows, and to which down gives its `not null` back here. */
function requiredAgain({ where }: RowsThatLeave, down: string, found: string | null): string | undefined {
    const [, column, only] = withoutValue.exec(where) ?? [];
    if (column === undefined || (only !== undefined && !holds(only, found))) return undefined;
    const setsNotNull = new RegExp(`\\balter\\s+(column\\s+)?${column}\\s+set\\s+not\\s+null\\b`, "i");
    return setsNotNull.test(down) ? column : undefined;
}

function holds(name: string, found: string | null): boolean {
    try {
        return (JSON.parse(found ?? "{}") as Record<string, unknown>)[name] === true;
    } catch {
        return false;
    }
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
