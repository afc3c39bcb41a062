import pg from "pg";
import { type Loss, readLosses } from "./losses.ts";
import { readWayBack } from "../migration/directives.ts";
import { label, type Migration } from "../migration/migration.ts";
import { keepToOwner } from "./registry.ts";
import { inRetriedTransaction, withRetries } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { connectionLost } from "../database/sqlError.ts";
import { UserError } from "../userError.ts";

/** How the names of all captures begin. */
const prefix = "simulation_db_capture_";

/** What captures are called, with the version of the migration that is rolled back in brackets. A regular expression of PostgreSQL. */
export const captureName = `^${prefix}(\\d{4})_\\d+$`;

/** The advisory lock of who reads the notes, held to the end of its session: the first bytes of sha256("simulation-db capture"). */
const readerKey = "-3244781821062440828";

/** A table that loses columns, and on which a trigger notes the key of each row that is written. */
export interface Capture {
    readonly loss: Loss;
    /** Of the trigger and, in the archive's schema, of its function and of the table of what it notes. */
    readonly name: string;
    /** Which triggers there are, of the table and its partitions: {@link requireUntouched}. */
    readonly triggers: string;
}

/** Columns could not be copied while others write; they can while others wait. */
export class CaptureFailed extends UserError {}

/**
 * Before a down that takes columns of large tables away: has the tables note which rows are written from here on, in a
 * short transaction. So others go on writing while the columns are copied (catchUp.ts), and only what they have written
 * meanwhile is copied again when they may not. What this session writes itself is not noted, as it copies before it does:
 * rows that it takes out are kept whole.
 *
 * Tables with a unique key only: equal rows are told apart by their number among all.
 *
 * @returns one for each of them; {@link endCaptures} is to follow
 * @throws UserError when a table is not to be had
 */
export async function beginCaptures(
    session: Session,
    migration: Migration,
    say: (line: string) => void,
): Promise<Capture[]> {
    const { client, settings } = session;
    if (!settings.archive) return [];
    const losses = await withRetries(session, say, () => readLosses(client, migration));
    const large = losses.filter(
        ({ kind, isLarge, keyIsUnique, hasPlainKey }) => kind === "columns" && isLarge && keyIsUnique && hasPlainKey,
    );
    if (large.length === 0) return [];
    const directives = readWayBack(migration);
    try {
        return await inRetriedTransaction(session, directives, say, async () => {
            // What somebody took away only in part.
            await endCaptures(client);
            await client.query(`select pg_advisory_lock(${readerKey})`);
            const captures: Capture[] = [];
            for (const [index, loss] of large.entries()) {
                const name = `${prefix}${migration.version}_${index + 1}`;
                await client.query(begin(migration, loss, name));
                captures.push({ loss, name, triggers: await readTriggers(client, name) });
            }
            await client.query(keepToOwner);
            return captures;
        });
    } catch (error) {
        // Not our table, or somebody allows no trigger: what a statement was refused for.
        const { code = "" } = error as pg.DatabaseError;
        if (connectionLost(error) || !/^(?!53|57|XX)[0-9A-Z]{5}$/.test(code)) throw error;
        const [first] = (error as Error).message.split("\n");
        say(`${label(migration)}: others wait while columns are archived (${first})`);
        return [];
    }
}

/** The loss that a capture is of, as it is now. @throws CaptureFailed when its rows have another key */
export function nowOf({ loss }: Capture, losses: readonly Loss[]): Loss {
    const keyOf = ({ key, keyIsUnique, hasPlainKey }: Loss) => JSON.stringify([key, keyIsUnique, hasPlainKey]);
    const now = losses.find(({ table, kind }) => table === loss.table && kind === loss.kind);
    if (now && keyOf(now) === keyOf(loss)) return now;
    throw new CaptureFailed(`somebody has changed the key of ${loss.table} meanwhile`);
}

/**
 * It fires whoever writes: also for those for whom other triggers do not, as for a replica. It must never make a statement
 * of theirs fail: it compares texts, whole ones, as no search path says what is equal, and does nothing when the run that
 * reads the notes is over, as the table may have been changed since.
 */
function begin(migration: Migration, { table, from, key }: Loss, name: string): string {
    const values = (row: string, cast = "") => key.map(column => `${row}.${column.name}${cast}`).join(", ");
    const note = (row: string) => `insert into ${notesOf({ name })} values (${values(row)});`;
    const text = `::text collate "C"`;
    const body = `
        begin
            if pg_try_advisory_xact_lock_shared(${readerKey}) then
                return null;
            end if;
            if tg_op = 'INSERT' then
                ${note("new")}
            else
                ${note("old")}
                if tg_op = 'UPDATE' then
                    if row(${values("new", text)}) is distinct from row(${values("old", text)}) then
                        ${note("new")}
                    end if;
                end if;
            end if;
            return null;
        end`;
    const why = `${label(migration)} is being rolled back, and what is written is noted. If no run of simulation-db is under way, the next one takes this trigger away.`;
    const columns = key.map(column => column.name).join(", ");
    return `
        create unlogged table ${notesOf({ name })} with (autovacuum_enabled = off) as select ${columns} from ${from} with no data;
        create function simulation_db_archive.${name}() returns trigger
            language plpgsql security definer set search_path = '' set extra_float_digits = 1 as ${pg.escapeLiteral(body)};
        revoke execute on function simulation_db_archive.${name}() from public;
        create trigger ${name} after insert or update or delete on ${table}
            for each row execute function simulation_db_archive.${name}();
        alter table ${table} enable always trigger ${name};
        comment on trigger ${name} on ${table} is ${pg.escapeLiteral(why)}`;
}

/** The table of what one notes. */
export function notesOf({ name }: Pick<Capture, "name">): string {
    return `simulation_db_archive.${name}`;
}

/** The index of what was copied, by key. */
export function keyIndexOf({ name }: Pick<Capture, "name">): string {
    return `${name}_key`;
}

async function readTriggers(client: pg.Client, name: string): Promise<string> {
    const { rows } = await client.query<{ triggers: string | null }>(
        `select string_agg(format('%s %s %s', t.tgrelid::oid, t.oid, t.xmin), ', ' order by t.oid) as triggers
         from pg_catalog.pg_trigger as t inner join pg_catalog.pg_proc as p on p.oid = t.tgfoid
         where p.pronamespace = to_regnamespace('simulation_db_archive') and p.proname = $1`,
        [name],
    );
    return rows[0]?.triggers ?? "";
}

/**
 * Somebody who has switched a table's triggers off for a while, made it anew or attached a partition has written rows that
 * nobody has noted. Asked when they can do so no more.
 *
 * @throws CaptureFailed
 */
export async function requireUntouched(client: pg.Client, { name, triggers, loss }: Capture): Promise<void> {
    if ((await readTriggers(client, name)) === triggers) return;
    throw new CaptureFailed(`somebody has changed the triggers or partitions of ${loss.table} meanwhile`);
}

/** Condition on a function with this alias: a capture's. SQL. */
export function isCapture(routine: string): string {
    return `${routine}.pronamespace = to_regnamespace('simulation_db_archive') and ${routine}.proname ~ '${captureName}'`;
}

/** Takes all captures away, wherever their tables are by now. */
export async function endCaptures(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ ending: string }>(
        `select 1 as nth, format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass) as ending
         from pg_catalog.pg_trigger as t inner join pg_catalog.pg_proc as p on p.oid = t.tgfoid
         where t.tgparentid = 0 and ${isCapture("p")}
         union all
         select 2, format('drop function %s', p.oid::regprocedure) from pg_catalog.pg_proc as p where ${isCapture("p")}
         union all
         select 3, format('drop %s %s', case relkind when 'i' then 'index' else 'table' end, oid::regclass)
         from pg_catalog.pg_class
         where relnamespace = to_regnamespace('simulation_db_archive') and regexp_replace(relname, '_key$', '') ~ '${captureName}'
         order by nth`,
    );
    // A function is not dropped while a trigger calls it.
    if (rows.length > 0) await client.query(rows.map(({ ending }) => ending).join(";\n"));
}
