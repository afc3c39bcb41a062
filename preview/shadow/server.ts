import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import pg from "pg";
import { initCluster, type PostgresMajor, startCluster, stopCluster } from "../../local/cluster.ts";
import { postgresBinaries } from "../../local/postgresBinaries.ts";
import type { Place } from "./place.ts";
import { keepTemplate, takeTemplate } from "./templates.ts";

/** How to log in to a server of our own. */
export interface Login {
    readonly user: string;
    readonly password: string;
}

/** What makes it quick and lets one transaction lock a thousand tables. Nothing in it has to survive anything. */
const settings = {
    max_connections: "20",
    max_locks_per_transaction: "2048",
    shared_buffers: "64MB",
    synchronous_commit: "off",
    autovacuum: "off",
    max_wal_size: "2GB",
    // In the data directory: what a killed server leaves goes with it, and /dev/shm may be full.
    dynamic_shared_memory_type: "mmap",
    // Old files of it would be copied with a template.
    wal_recycle: "off",
    checkpoint_timeout: "1h",
    jit: "off",
    "pg_stat_statements.track": "all",
    "pg_stat_statements.save": "off",
};

/** A PostgreSQL of our own on a free port of this machine, and our sessions there. */
export class ShadowServer {
    readonly place: Place;
    readonly major: PostgresMajor;
    readonly #clients: pg.Client[] = [];
    #port = 0;

    constructor(place: Place, major: PostgresMajor) {
        this.place = place;
        this.major = major;
    }

    /**
     * Starts it on the place's data directory.
     *
     * @param postgres another program than the installed one: a copy of it with extensions of its own
     * @throws UserError when it does not start
     */
    async start(postgres?: string): Promise<void> {
        const { port } = await startCluster({
            major: this.major,
            dataDir: this.place.dataDir,
            logFile: this.place.logFile,
            durable: false,
            settings,
            ...(postgres ? { postgres } : {}),
        });
        this.#port = port;
    }

    /** Where it is, while it runs. */
    config({ user, password }: Login, database: string): pg.ClientConfig {
        return { host: "127.0.0.1", port: this.#port, user, password, database, ssl: false };
    }

    /** Logs in; the session ends with the server. */
    async as(login: Login, database: string): Promise<pg.Client> {
        const client = new pg.Client(this.config(login, database));
        client.on("error", () => {});
        await client.connect();
        this.#clients.push(client);
        return client;
    }

    /** Ends it, if it runs, with all its sessions. */
    async stop(): Promise<void> {
        await this.#endSessions();
        await stopCluster(this.place.dataDir, "immediate");
    }

    /** Ends it, and leaves nothing of it. */
    async leave(): Promise<void> {
        await this.#endSessions();
        await this.place.leave();
    }

    async #endSessions(): Promise<void> {
        await Promise.all(this.#clients.splice(0).map(client => client.end().catch(() => {})));
    }
}

/**
 * Makes the place's data directory as initdb does: once for all shadows, since copying it takes less time.
 *
 * @returns its superuser
 * @throws UserError when npm has no PostgreSQL for this machine
 */
export async function makeDataDir(place: Place, major: PostgresMajor): Promise<Login> {
    const { version } = await postgresBinaries(major);
    const code = await readFile(join(dirname(dirname(import.meta.dirname)), "local", "cluster.ts"));
    const name = `initdb-${major}-${createHash("sha256").update(version).update(code).digest("hex").slice(0, 16)}`;
    const kept = await takeTemplate<Login>(name, place);
    if (kept) return kept;
    const superuser = { user: "supabase_admin", password: randomBytes(24).toString("base64url") };
    await initCluster({ major, dataDir: place.dataDir, adminPassword: superuser.password, durable: false });
    await keepTemplate(name, place, superuser);
    return superuser;
}
