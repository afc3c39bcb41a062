import type pg from "pg";
import { copy, copyLocked } from "./copy.ts";
import type { RowsThatLeave } from "./guard.ts";
import { type KeptColumn, keptColumn, keptList } from "./losses.ts";
import { isRefused } from "./refusal.ts";
import { addToArchive, archiveTableName } from "./registry.ts";
import { recordedByUp, type Settings } from "../database/settings.ts";
import { SqlError } from "../database/sqlError.ts";
import { fileName, label, type Migration, newDownText } from "../migration/migration.ts";
import { ownRows, rowsOf } from "./table.ts";
import { UserError } from "../userError.ts";

/**
 * Takes the rows that a down declares (`archive-rows`) out of a table that stays, into the archive.
 *
 * @param isGuarded no more such rows come ({@link raiseGuards}): their table need not be locked
 * @returns how many
 * @throws UserError when there are some, and no archive, or others would change with them
 * @throws SqlError when the directive is wrong
 */
export async function takeRowsOut(
    client: pg.Client,
    migration: Migration,
    { archive }: Pick<Settings, "archive">,
    { table, where }: RowsThatLeave,
    isGuarded: boolean,
): Promise<number> {
    try {
        if (archive) return await takeOut(client, migration.version, { table, where }, isGuarded);
        await requireNone(client, migration, table, where);
        return 0;
    } catch (error) {
        throw conditionError(error as pg.DatabaseError, migration, `archive-rows: ${table} where ${where}`);
    }
}

/** A directive is the author's SQL: what PostgreSQL says of it (classes 22 and 42) is theirs to mend. */
function conditionError(error: pg.DatabaseError, migration: Migration, directive: string): Error {
    if (error instanceof UserError || !/^(22|42)/.test(error.code ?? "")) return error;
    return new SqlError(`${fileName(migration, "down")}: "${directive}" cannot be used: ${error.message}`, error.code, [
        `mend the directive: ${newDownText}`,
    ]);
}

/** Nothing may be kept, and a person's rows are not ours to delete. */
async function requireNone(client: pg.Client, migration: Migration, table: string, where: string): Promise<void> {
    const { rows: key } = await client.query<{ names: string }>(
        `select string_agg(quote_ident(a.attname), ', ' order by a.attnum) as names
         from pg_catalog.pg_index as i
         inner join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
         where i.indrelid = $1::regclass and i.indisprimary`,
        [table],
    );
    const name = key[0]?.names ?? "ctid";
    const { rows } = await client.query<{ found: number; first: string }>(
        `select count(*)::float8 as found, (array_agg((${name})::text order by ${name}))[1] as first from ${await rowsOf(client, table)} where ${where}`,
    );
    const { found = 0, first = "" } = rows[0] ?? {};
    if (found === 0) return;
    throw new UserError(
        `${label(migration)} cannot be rolled back while ${table} has rows where ${where}: ` +
            `${found} of them, the first with ${name} = ${first}. They would have to leave the table, and this stack keeps no archive.`,
        [
            "move, mend or delete these rows by hand, then run the same command again",
            "or let the archive keep them: set archive to true in Pulumi.STACK.yaml (from a shell: unset SIMULATION_DB_ARCHIVE)",
            recordedByUp,
        ],
    );
}

/** Rows that could not be there before up, whole; they leave the table. */
async function takeOut(
    client: pg.Client,
    version: string,
    { table, where }: RowsThatLeave,
    isGuarded: boolean,
): Promise<number> {
    const { rows: dependants } = await client.query<{ name: string }>(
        // A foreign key may point at a partition alone. Those that PostgreSQL makes of one for each partition are no others.
        `with cascading as (
             select oid, conrelid, conparentid from pg_catalog.pg_constraint
             where contype = 'f' and confdeltype <> 'a' and confdeltype <> 'r'
                 and confrelid in (select $1::regclass union select relid from pg_partition_tree($1::regclass))
         )
         select distinct conrelid::regclass::text as name from cascading
         where conparentid not in (select oid from cascading) order by name`,
        [table],
    );
    if (dependants.length > 0) {
        throw new UserError(
            `rows of ${table} (${where}) have to leave it, and ${dependants.map(({ name }) => name).join(", ")} would change with them.`,
            ["move or mend these rows by hand, then run the same command again"],
        );
    }
    // Tables that inherit from it have columns of their own: their rows stay, and down says what it makes of them.
    const { rows: all } = await client.query<{ column: KeptColumn; isGenerated: boolean; from: string }>(
        `select ${keptColumn} as column, attgenerated <> '' as "isGenerated", ${ownRows("c.relkind", "$1")} as from
         from pg_catalog.pg_class as c inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid
         where c.oid = $1::text::regclass and attnum > 0 and not attisdropped order by attnum`,
        [table],
    );
    const from = all[0]?.from ?? table;
    const columns = all.filter(({ isGenerated }) => !isGenerated);
    const archive = archiveTableName(version);
    const values = keptList(columns.map(({ column }) => column));
    const create = `create table simulation_db_archive.${archive} as select ${values} from ${from} where ${where}`;
    // Nobody can make one of the rows another one between the copy and the end of it.
    const read = { table, width: all.length };
    const rows = isGuarded ? await copy(client, read, `${create} for update`) : await copyLocked(client, read, create);
    // Each look at the table is one more under the lock.
    const gone = rows === 0 ? 0 : await takeAway(client, from, { table, where });
    if (gone !== rows) {
        throw new UserError(
            `${rows} rows of ${table} (${where}) have to leave it, and ${gone} did: a trigger or rule of the table keeps the others.`,
            ["move or mend these rows by hand, then run the same command again"],
        );
    }
    return await addToArchive(client, {
        version,
        archive,
        table,
        kind: "rows",
        columns: columns.map(({ column }) => column.name),
        key: [],
        keyIsUnique: true,
        rows,
        sequences: [],
    });
}

/** @returns how many @throws UserError when the table does not let them go: a foreign key, or a trigger that raises */
async function takeAway(client: pg.Client, from: string, { table, where }: RowsThatLeave): Promise<number> {
    try {
        return (await client.query(`delete from ${from} where ${where}`)).rowCount ?? 0;
    } catch (error) {
        if (!isRefused(error)) throw error;
        const { message, detail } = error as pg.DatabaseError;
        throw new UserError(
            `rows of ${table} (${where}) have to leave it, and PostgreSQL refuses that: ${message}` +
                (detail ? `\n  detail: ${detail}` : ""),
            ["move or mend these rows by hand, then run the same command again"],
        );
    }
}
