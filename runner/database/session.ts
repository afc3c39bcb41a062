import type pg from "pg";
import { connect, connected, type Environment } from "./connection.ts";
import { bounds, fresh } from "./fresh.ts";
import { type DatabaseIdentity, readIdentity, requireSameDatabase } from "./identity.ts";
import { ensureLedger } from "../ledger/create.ts";
import { say } from "../output.ts";
import { readSettings, type Settings } from "./settings.ts";
import { expectedIdentity } from "../stackOutput.ts";
import { UserError } from "../userError.ts";

/** One run's hold on one database: connected, the only run of this tool there, the ledger in place. */
export interface Session {
    readonly client: pg.Client;
    readonly identity: DatabaseIdentity;
    readonly settings: Settings;
    /** Opens another connection to the same database, which the caller ends. */
    readonly beside: (purpose: string) => Promise<pg.Client>;
}

/** The advisory lock's key, the same for all versions of this tool: the first bytes of sha256("simulation-db"). */
const lockKey = "5361264290217416";

/** How often a waiting run asks for the lock, in milliseconds. */
const askEveryMs = 200;

/** How long a run waits before it says so, and how long until it says so again, in milliseconds. */
const silentMs = { first: 2000, then: 15_000 };

/**
 * Connects, takes the advisory lock, makes the ledger if there is none, does the work, and lets go of everything.
 *
 * @throws UserError when the database is another one than the environment expects or a replica, when another run keeps the lock too
 *     long, or when a newer version of this tool has written the ledger
 */
export async function withSession<T>(
    environment: Environment,
    purpose: string,
    work: (session: Session) => Promise<T>,
): Promise<T> {
    const settings = readSettings(environment);
    // Ending the connection frees the lock; a connection that is already gone has freed it.
    return await connected(environment, purpose, async client => {
        const identity = await readIdentity(client, { toWrite: true });
        requireSameDatabase(expectedIdentity(environment), identity);
        await takeLock(client, settings);
        await ensureLedger(client);
        const beside = (other: string) => connect(environment, other);
        return await work({ client, identity, settings, beside });
    });
}

/** After statements outside a transaction; one ends so by itself. */
export async function freshSession({ client, settings }: Pick<Session, "client" | "settings">): Promise<void> {
    await client.query(fresh(settings));
}

/**
 * Polls instead of waiting inside the server: a session that waits there holds a snapshot, and the other run's
 * `create index concurrently` would wait for that snapshot: a deadlock.
 */
async function takeLock(client: pg.Client, settings: Settings): Promise<void> {
    const deadline = Date.now() + settings.waitForRunMs;
    let sayAt = Date.now() + silentMs.first;
    for (;;) {
        // The bounds of freshSession come with it: no round trip of their own.
        const { rows } = await client.query<{ taken: boolean }>(
            `select pg_try_advisory_lock($1) as taken, ${bounds(settings)}`,
            [lockKey],
        );
        if (rows[0]?.taken) return;
        const now = Date.now();
        if (now >= deadline) throw await lockedError(client, settings.waitForRunMs);
        if (now >= sayAt) {
            const { who } = await readHolder(client);
            say(
                `another run holds this database: ${who}. Waiting for it, ${Math.ceil((deadline - now) / 1000)} s at most`,
            );
            sayAt = now + silentMs.then;
        }
        await new Promise(resolve => setTimeout(resolve, askEveryMs));
    }
}

/** Who has the lock, in words; without a number when nobody has it any more. */
async function readHolder(client: pg.Client): Promise<{ who: string; pid?: number }> {
    const { rows } = await client.query<{ pid: number; who: string | null; since: Date | null }>(
        `select l.pid, a.application_name as who, a.backend_start as since
         from pg_locks l left join pg_stat_activity a using (pid)
         where l.locktype = 'advisory' and l.granted and l.objsubid = 1
           and l.database = (select oid from pg_database where datname = current_database())
           and (l.classid::bigint << 32) + l.objid::bigint = $1`,
        [lockKey],
    );
    const [holder] = rows;
    if (!holder) return { who: "a run that has just ended" };
    const since = holder.since?.toISOString() ?? "unknown";
    return {
        who: `"${holder.who ?? "unknown"}" (server process ${holder.pid}, connected since ${since})`,
        pid: holder.pid,
    };
}

async function lockedError(client: pg.Client, waitedMs: number): Promise<UserError> {
    const { who, pid } = await readHolder(client);
    return new UserError(`another run holds this database: ${who}. Waited ${waitedMs / 1000} s; nothing was changed.`, [
        "wait until it has ended and run the same command again",
        ...(pid === undefined ? [] : [`if that run is dead: select pg_terminate_backend(${pid})`]),
    ]);
}
