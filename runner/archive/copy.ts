import type pg from "pg";
import { keptList, type Loss } from "./losses.ts";
import type { Migration } from "../migration/migration.ts";
import { resultsOf } from "../database/results.ts";
import { SqlError } from "../database/sqlError.ts";
import { addToArchive, type ArchivedPart } from "./registry.ts";
import { type ColumnSequence, positionsOf } from "./sequences.ts";

/** Rows of a table, and how many columns it had when the statement was made that copies them. */
type Read = Pick<Loss, "table" | "width">;

/**
 * Copies rows of a table that nobody may write to from here on: a row that is written meanwhile, or that a transaction
 * has not committed yet, would be lost.
 */
export async function copyLocked(client: pg.Client, read: Read, create: string): Promise<number> {
    return await copy(client, read, create, `lock table ${read.table} in share row exclusive mode;`);
}

/**
 * Copies rows, in one round trip: as few as possible come after it.
 *
 * @param create the statement
 * @param before SQL that goes before it
 * @returns how many
 * @throws SqlError that another attempt may pass, when somebody has given the table a column until it could be read
 */
export async function copy(client: pg.Client, { table, width }: Read, create: string, before = ""): Promise<number> {
    // A condition may end in a comment.
    const results = await resultsOf(
        client,
        `${before} ${create}
         ; select from pg_catalog.pg_attribute
         where attrelid = ${client.escapeLiteral(table)}::regclass and attnum > 0 and not attisdropped`,
    );
    const [created, columns] = results.slice(-2);
    if (columns?.rowCount !== width) {
        throw new SqlError(`somebody has changed the columns of ${table} meanwhile`, "40001", []);
    }
    return created?.rowCount ?? 0;
}

/** A query for what is kept of a loss: the key and the columns of those rows that have something in them. */
export function keptRows(migration: Migration, loss: Loss): string {
    const kept = [keptList([...loss.key, ...loss.columns])];
    if (!loss.keyIsUnique) {
        const key = loss.key.map(({ name }) => `kept.${name}`).join(", ");
        kept.push(`row_number() over (partition by (${key})::text) as simulation_db_nth`);
    }
    const all = loss.kind === "table" || loss.filled || mayFill(migration);
    // A composite value with a null in it is neither null nor not null to `is not null`.
    const some = loss.columns.map(({ name }) => `${name} is distinct from null`).join(" or ");
    return `select ${kept.join(", ")} from ${loss.from} as kept where ${all ? "true" : `(${some})`}`;
}

/** Registers a copy of all that is kept of a loss. Nobody may write to its table from here on. @returns its rows */
export async function addLossToArchive(
    client: pg.Client,
    loss: Loss,
    {
        sequences,
        ...part
    }: Pick<ArchivedPart, "version" | "archive" | "rows"> & { sequences: readonly ColumnSequence[] },
): Promise<number> {
    return await addToArchive(client, {
        ...loss,
        ...part,
        columns: loss.columns.map(({ name }) => name),
        key: loss.key.map(({ name }) => name),
        sequences: await positionsOf(client, sequences),
    });
}

/**
 * A function may write anything: one that a statement calls for what it does, as set_config alone is not. A statement may
 * begin in a block or an executed string as well; the body of a function that up only makes is mostly no such place.
 */
const callsFunctions =
    /(?:(?:^|;|\b(?:begin|then|else|loop)\b|\bexecute\s+(?:format\s*\(\s*)?')\s*(?:select|call)|\bperform|:=\s*(?=\w+\.\w+\s*\())\b(?!\s*(?:pg_catalog\.)?set_config\b)/i;

/**
 * Whether up may give its columns a value in rows that are there already: then a null is worth keeping as well, as the
 * next up would fill it.
 */
function mayFill({ up }: Migration): boolean {
    const text = up.replaceAll(/--.*$/gm, "");
    return /\b(update|merge)\b|\badd\b[^;]*\bdefault\b/i.test(text) || callsFunctions.test(text);
}
