import { setTimeout } from "node:timers/promises";
import type pg from "pg";
import type { Session } from "./session.ts";

/**
 * How often it is asked who stands in the way, in milliseconds. Each answer holds up the server's lock manager for a
 * moment (PostgreSQL documentation, 9.27.1 "Session Information Functions", pg_blocking_pids).
 */
const askEveryMs = 100;

/** Who has a lock that another session waits for, and waits for nobody itself. */
export interface Blocker {
    /** 0 for a prepared transaction, which has no process. */
    readonly pid: number;
    /** In words. */
    readonly who: string;
    /** Null for a process of the server's own, of which not every login is told more. */
    readonly user: string | null;
    /** What autovacuum does there; null for anybody else. */
    readonly autovacuum: string | null;
    /** After how long PostgreSQL ends an autovacuum that somebody waits for, in milliseconds. */
    readonly deadlockTimeoutMs: number;
}

/** Looks from a connection beside a session at who has the locks that it waits for: afterwards nobody can tell. */
export class BlockerWatch {
    readonly #session: Pick<Session, "client" | "beside">;
    readonly #ended = new AbortController();
    #seen: Blocker[] = [];
    #client: pg.Client | undefined;
    #looks = false;

    constructor(session: Pick<Session, "client" | "beside">) {
        this.#session = session;
    }

    /** Begins to look, unless it does already. Without a connection for it nobody is seen, and that is all. */
    begin(): void {
        if (this.#looks) return;
        this.#looks = true;
        this.#look().catch(() => {});
    }

    /** Those that were in the way last, since it was asked last. */
    take(): readonly Blocker[] {
        const seen = this.#seen;
        this.#seen = [];
        return seen;
    }

    /** Lets go of its connection, and waits neither for one that is not there yet nor for an answer. */
    async end(): Promise<void> {
        this.#ended.abort();
        await this.#client?.end().catch(() => {});
    }

    async #look(): Promise<void> {
        const { rows } = await this.#session.client.query<{ pid: number }>("select pg_backend_pid() as pid");
        const client = await this.#session.beside("watch");
        this.#client = client;
        if (this.#ended.signal.aborted) return await client.end();
        for (;;) {
            const blockers = await readBlockers(client, rows[0]?.pid);
            if (blockers.length > 0) this.#seen = blockers;
            await setTimeout(askEveryMs, undefined, { signal: this.#ended.signal });
        }
    }
}

/** Those at the head of the queue: who waits for another has no lock to give. */
async function readBlockers(client: pg.Client, waiting: number | undefined): Promise<Blocker[]> {
    // The text of a query may have secrets in it; what autovacuum says of itself has none.
    const { rows } = await client.query<Blocker>(
        `with recursive ahead (pid) as (
             select unnest(pg_blocking_pids(pid)) from pg_catalog.pg_stat_activity where pid = $1 and wait_event_type = 'Lock'
             union
             select unnest(pg_blocking_pids(pid)) from ahead where pid <> 0
         )
         select pid,
                case
                    when pid = 0 then 'a prepared transaction: select * from pg_prepared_xacts'
                    else format('server process %s', pid) || concat(
                        ': ' || nullif(coalesce(autovacuum, concat_ws(', ', usename, '"' || nullif(application_name, '') || '"', state)), ''),
                        ' for ' || ceil(extract(epoch from clock_timestamp() - xact_start)) || ' s'
                    )
                end as who,
                autovacuum, usename as user,
                (select setting::integer from pg_catalog.pg_settings where name = 'deadlock_timeout') as "deadlockTimeoutMs"
         from ahead
         left join pg_catalog.pg_stat_activity using (pid)
         cross join lateral (select case when backend_type = 'autovacuum worker' then query end as autovacuum) as v
         where pid = 0 or cardinality(pg_blocking_pids(pid)) = 0
         order by xact_start, pid`,
        [waiting],
    );
    return rows;
}
