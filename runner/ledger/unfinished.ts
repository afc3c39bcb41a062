import type { Session } from "../database/session.ts";
import { label, type Migration } from "../migration/migration.ts";
import { UserError } from "../userError.ts";

/** A migration without a transaction that was interrupted. */
export interface Unfinished {
    readonly migration: Migration;
    readonly direction: "up" | "down";
    /** Key of the statement that was running, if any: a hash of its text, see steps/resumableStatement.ts. */
    readonly running: string | null;
    /** Keys of the statements that are done. */
    readonly done: readonly string[];
    /** Whether some of it may be taken back already: then `done` is not what a run can go on from. */
    readonly isTurnedBack: boolean;
}

/** Among the keys of what is done, the one of no statement. */
const turnedBack = "turned back";

/** The one migration that was interrupted, if any: there is no next one before it has ended. */
export async function readUnfinished({ client }: Pick<Session, "client">): Promise<Unfinished | undefined> {
    const { rows } = await client.query<Omit<Migration & Unfinished, "migration">>(`
        select version, slug, up_sql as up, down_sql as down, verify_sql as verify, direction, running,
               array_remove(done, '${turnedBack}') as done, '${turnedBack}' = any (done) as "isTurnedBack"
        from simulation_db.unfinished`);
    const row = rows[0];
    if (!row) return undefined;
    const { version, slug, up, down, verify, ...progress } = row;
    return { migration: { version, slug, up, down, verify }, ...progress };
}

/**
 * Nothing goes on before an interrupted migration has ended.
 *
 * @param but versions whose end the caller sees to
 * @throws UserError that names it
 */
export async function requireEnded(session: Pick<Session, "client">, but: readonly string[]): Promise<void> {
    const unfinished = await readUnfinished(session);
    if (!unfinished || but.includes(unfinished.migration.version)) return;
    throw new UserError(
        `${label(unfinished.migration)} was interrupted on its way ${unfinished.direction}; it has to end first.`,
        ["run the command again that was interrupted"],
    );
}

/** Writes down that a migration is under way. */
export async function beginProgress(
    { client }: Pick<Session, "client">,
    { version, slug, up, down, verify }: Migration,
    direction: Unfinished["direction"],
): Promise<void> {
    await client.query(
        `insert into simulation_db.unfinished (version, slug, direction, up_sql, down_sql, verify_sql)
         values ($1, $2, $3, $4, $5, $6)`,
        [version, slug, direction, up, down, verify],
    );
}

/** Writes down the texts by which it goes on: they may have been mended since it began. */
export async function renewProgress(
    { client }: Pick<Session, "client">,
    { up, down, verify }: Migration,
): Promise<void> {
    await client.query("update simulation_db.unfinished set up_sql = $1, down_sql = $2, verify_sql = $3", [
        up,
        down,
        verify,
    ]);
}

/** Writes down which statement runs from now on. @param key null: none */
export async function setRunning({ client }: Pick<Session, "client">, key: string | null): Promise<void> {
    await client.query("update simulation_db.unfinished set running = $1", [key]);
}

/** Writes down that a statement is done, and that none runs. */
export async function addDone({ client }: Pick<Session, "client">, key: string): Promise<void> {
    await client.query("update simulation_db.unfinished set running = null, done = array_append(done, $1)", [key]);
}

/** Writes down that what is done is being taken back. */
export async function turnBack({ client }: Pick<Session, "client">): Promise<void> {
    await client.query("update simulation_db.unfinished set done = array_append(array_remove(done, $1), $1)", [
        turnedBack,
    ]);
}

/** Forgets the migration that was under way: it has come to an end. */
export async function endProgress({ client }: Pick<Session, "client">): Promise<void> {
    await client.query("delete from simulation_db.unfinished");
}
