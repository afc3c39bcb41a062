import type pg from "pg";
import { readDownDirectives } from "../migration/directives.ts";
import type { RowsThatLeave } from "./guard.ts";
import { resultsOf } from "../database/results.ts";
import type { Settings } from "../database/settings.ts";
import { SqlError } from "../database/sqlError.ts";
import { fileName, label, type Migration } from "../migration/migration.ts";
import { UserError } from "../userError.ts";
import { addToArchive, archiveTableName } from "./registry.ts";
import { positionsOf, sequencesOf } from "./sequences.ts";
import { ownRows, uniqueKey } from "./table.ts";

/** A table or some columns of one, that up had made and that down would take away with what is in them. */
interface Loss {
    readonly table: string;
    /** The table, and only its own rows: see {@link ownRows}. */
    readonly from: string;
    readonly kind: "table" | "columns";
    readonly columns: readonly KeptColumn[];
    /** Columns that find the row again; empty for whole tables. */
    readonly key: readonly KeptColumn[];
    /** False when the key may name several rows: they are then told apart by their number among equals. */
    readonly keyIsUnique: boolean;
    /** How many columns the table has. */
    readonly width: number;
    /** Whether PostgreSQL itself has filled such a column in the rows that were there. */
    readonly filled: boolean;
}

interface KeptColumn {
    /** Quoted. */
    readonly name: string;
    /** What is kept of it: itself, or its text where its type may be dropped before the archive is. */
    readonly value: string;
}

/**
 * Keeps the rows that a down is about to remove, in its own transaction and before it runs: those of the tables and
 * columns that up had made, and those that down declares (`archive-rows`). All on the server; nothing passes through
 * this process.
 *
 * A stack without an archive keeps nothing of what down itself takes away. Rows that would have to be taken out of a
 * table that stays are another matter: that they may not be kept does not say that they may be deleted.
 *
 * @param guarded rows of which no more come ({@link raiseGuards}): their table need not be locked
 * @returns how many rows were kept
 * @throws UserError when rows have to leave a table, and there is no archive or others would change with them
 */
export async function keepRows(
    client: pg.Client,
    migration: Migration,
    { archive }: Pick<Settings, "archive">,
    guarded: readonly RowsThatLeave[] = [],
): Promise<number> {
    const { archiveRows, notArchived } = readDownDirectives(migration.down, fileName(migration, "down"));
    // A policy that hides rows from the runner is an error then, and no loss. Nobody writes while rows are looked for, so
    // all processors do: by default the server takes a second one only where it expects to find few.
    await client.query("set local row_security = off; set local parallel_tuple_cost = 0");
    let kept = 0;
    for (const loss of archive ? await losses(client, migration.version) : []) {
        if (!notArchived.includes(loss.table)) kept += await keep(client, migration, loss);
    }
    for (const { table, where } of archiveRows) {
        try {
            const isGuarded = guarded.some(rows => rows.table === table && rows.where === where);
            if (archive) kept += await takeOut(client, migration.version, { table, where }, isGuarded);
            else await requireNone(client, migration, table, where);
        } catch (error) {
            throw conditionError(error as pg.DatabaseError, migration, `archive-rows: ${table} where ${where}`);
        }
    }
    await client.query("reset row_security; reset parallel_tuple_cost");
    return kept;
}

/** A directive is the author's SQL: what PostgreSQL says of it (classes 22 and 42) is theirs to mend. */
function conditionError(error: pg.DatabaseError, migration: Migration, directive: string): Error {
    if (error instanceof UserError || !/^(22|42)/.test(error.code ?? "")) return error;
    return new SqlError(`${fileName(migration, "down")}: "${directive}" cannot be used: ${error.message}`, error.code, [
        "mend the directive: its new text is recorded by the next pulumi up, or migrate record, and then used",
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
        `select count(*)::float8 as found, (array_agg((${name})::text order by ${name}))[1] as first from ${table} where ${where}`,
    );
    const { found = 0, first = "" } = rows[0] ?? {};
    if (found === 0) return;
    throw new UserError(
        `${label(migration)} cannot be rolled back while ${table} has rows where ${where}: ` +
            `${found} of them, the first with ${name} = ${first}. They would have to leave the table, and this stack keeps no archive.`,
        [
            "move, mend or delete these rows by hand, then run the same command again",
            "or let the archive keep them: pulumi config set archive true, then pulumi up (from a shell: unset SIMULATION_DB_ARCHIVE)",
        ],
    );
}

/**
 * A column `a` as it is kept. Types and collations of the project may be dropped by this down or an earlier one, and an
 * archive that holds them would stand in the way.
 */
const keptColumn = `jsonb_build_object('name', quote_ident(a.attname), 'value', case
    when a.atttypid >= 16384 or a.attcollation >= 16384 then format('%I::text collate "default"', a.attname)
    else quote_ident(a.attname)
end)`;

/** Tables and columns that are there because of up, by the names that the proof of undo knows them by. */
async function losses(client: pg.Client, version: string): Promise<Loss[]> {
    const { rows } = await client.query<Loss>(
        `with made as materialized (
             select each.key as name, each.value as columns
             from simulation_db.migration cross join lateral jsonb_each(undo -> 'made') as each where version = $1
         ),
         lost as (
             select c.oid, c.relkind, made.name, case when made.columns = 'true' then 'table' else 'columns' end as kind, made.columns
             from made
             inner join pg_catalog.pg_class as c on c.oid = to_regclass(made.name)
             -- What is in a partition is in its table.
             where made.columns <> 'true' and not c.relispartition or made.columns = 'true' and not exists (
                 select from pg_catalog.pg_inherits as i inner join made as parent on to_regclass(parent.name) = i.inhparent
                 where i.inhrelid = c.oid and c.relispartition and parent.columns = 'true'
             )
         )
         select l.name as table, l.kind, ${ownRows("l.relkind", "l.name")} as from,
                jsonb_agg(${keptColumn} order by a.attnum) filter (where a.attgenerated = '' and is_lost) as columns,
                case when l.kind = 'table' then '[]' else coalesce(
                    jsonb_agg(${keptColumn} order by a.attnum) filter (where a.attnum = any (u.key)),
                    jsonb_agg(${keptColumn} order by a.attnum) filter (where not is_lost)
                ) end as key,
                l.kind = 'table' or bool_or(u.key is not null) as "keyIsUnique",
                count(*)::integer as width,
                bool_or(is_lost and (a.atthasmissing or a.attidentity <> '')) as filled
         from lost as l
         inner join pg_catalog.pg_attribute as a on a.attrelid = l.oid and a.attnum > 0 and not a.attisdropped
         cross join lateral (select l.kind = 'table' or l.columns ? quote_ident(a.attname) as is_lost) as n
         left join lateral (${uniqueKey("l.oid", "x.attnotnull and not l.columns ? quote_ident(x.attname)")}) as u on l.kind = 'columns'
         group by l.oid, l.name, l.kind, l.relkind
         having bool_or(a.attgenerated = '' and is_lost) and (l.kind = 'table' or not bool_and(is_lost))
         order by l.oid`,
        [version],
    );
    return rows;
}

async function keep(client: pg.Client, migration: Migration, loss: Loss): Promise<number> {
    const archive = archiveTableName(migration.version);
    const kept = [...loss.key, ...loss.columns].map(({ name, value }) => `${value} as ${name}`);
    if (!loss.keyIsUnique) {
        const key = loss.key.map(({ name }) => `kept.${name}`).join(", ");
        kept.push(`row_number() over (partition by (${key})::text) as simulation_db_nth`);
    }
    const all = loss.kind === "table" || loss.filled || mayFill(migration);
    // A composite value with a null in it is neither null nor not null to `is not null`.
    const where = all ? "" : `where ${loss.columns.map(({ name }) => `${name} is distinct from null`).join(" or ")}`;
    const columns = loss.columns.map(({ name }) => name);
    const sequences = await sequencesOf(client, loss.table, columns);
    const rows = await copyLocked(
        client,
        loss,
        `create table simulation_db_archive.${archive} as select ${kept.join(", ")} from ${loss.from} as kept ${where}`,
    );
    return await addToArchive(client, {
        ...loss,
        columns,
        key: loss.key.map(({ name }) => name),
        version: migration.version,
        archive,
        rows,
        sequences: await positionsOf(client, sequences),
    });
}

/** Rows of a table, and how many columns it had when the statement was made that copies them. */
type Read = Pick<Loss, "table" | "width">;

/**
 * Copies rows of a table that nobody may write to from here on: a row that is written meanwhile, or that a transaction
 * has not committed yet, would be lost.
 */
async function copyLocked(client: pg.Client, read: Read, create: string): Promise<number> {
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
async function copy(client: pg.Client, { table, width }: Read, create: string, before = ""): Promise<number> {
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
    return /\b(update|merge)\b|\badd\b[^,;]*\bdefault\b/i.test(text) || callsFunctions.test(text);
}

/** Rows that could not be there before up, whole; they leave the table. */
async function takeOut(
    client: pg.Client,
    version: string,
    { table, where }: RowsThatLeave,
    isGuarded: boolean,
): Promise<number> {
    const { rows: dependants } = await client.query<{ name: string }>(
        `select conrelid::regclass::text as name from pg_catalog.pg_constraint
         where contype = 'f' and confrelid = $1::regclass and confdeltype <> 'a' and confdeltype <> 'r'`,
        [table],
    );
    if (dependants.length > 0) {
        throw new UserError(
            `rows of ${table} (${where}) have to leave it, and ${dependants.map(({ name }) => name).join(", ")} would change with them.`,
            ["move or mend these rows by hand, then run the same command again"],
        );
    }
    const { rows: all } = await client.query<{ column: KeptColumn; isGenerated: boolean }>(
        `select ${keptColumn} as column, attgenerated <> '' as "isGenerated" from pg_catalog.pg_attribute as a
         where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
        [table],
    );
    const columns = all.filter(({ isGenerated }) => !isGenerated);
    const archive = archiveTableName(version);
    const values = columns.map(({ column: { name, value } }) => `${value} as ${name}`).join(", ");
    const create = `create table simulation_db_archive.${archive} as select ${values} from ${table} where ${where}`;
    // Nobody can make one of the rows another one between the copy and the end of it.
    const read = { table, width: all.length };
    const rows = isGuarded ? await copy(client, read, `${create} for update`) : await copyLocked(client, read, create);
    // Each look at the table is one more under the lock.
    const gone = rows === 0 ? 0 : (await client.query(`delete from ${table} where ${where}`)).rowCount;
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
