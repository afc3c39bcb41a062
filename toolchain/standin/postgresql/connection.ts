import pg from "pg";
import { UserError } from "../../../runner/userError.ts";
import { refuseRemote } from "../refusal.ts";
import { OFFICIAL, type Settings, tlsOf } from "./settings.ts";

/** A session inside a transaction. */
export type Session = pg.PoolClient;

/** Transactions on the server of the settings, in parallel up to its `maxConnections`. */
export class Connections {
    readonly settings: Settings;
    readonly #pools = new Map<string, pg.Pool>();

    constructor(settings: Settings) {
        this.settings = settings;
    }

    /**
     * Runs `work` for the resource `urn` in one transaction on a database (the provider's own when empty) and commits;
     * whatever it throws rolls back. The session ends with it: a connection kept would keep its database from being dropped.
     */
    async transaction<T>(urn: string, database: string, work: (session: Session) => Promise<T>): Promise<T> {
        refuseRemote(OFFICIAL, urn, { "the provider's host": this.settings.host });
        const session = await this.#connect(database || this.settings.database);
        try {
            await session.query("begin");
            const result = await work(session);
            await session.query("commit");
            return result;
        } catch (error) {
            await session.query("rollback").catch(() => {});
            throw error instanceof pg.DatabaseError ? databaseError("", error) : error;
        } finally {
            session.release(true);
        }
    }

    async #connect(database: string): Promise<Session> {
        try {
            return await this.#pool(database).connect();
        } catch (error) {
            const { host } = this.settings;
            const text = describe(error).replaceAll(this.settings.password || "\0", "XXXX");
            throw new UserError(`Error connecting to PostgreSQL server ${host} (scheme: postgres): ${text}`);
        }
    }

    #pool(database: string): pg.Pool {
        const known = this.#pools.get(database);
        if (known !== undefined) return known;
        const { host, port, username, password, connectTimeoutSeconds, maxConnections } = this.settings;
        const pool = new pg.Pool({
            host: host || "localhost",
            port,
            database,
            user: username,
            ...(password === undefined ? {} : { password }),
            ssl: tlsOf(this.settings),
            connectionTimeoutMillis: Math.max(connectTimeoutSeconds, 0) * 1000,
            max: maxConnections > 0 ? maxConnections : Number.MAX_SAFE_INTEGER,
            fallback_application_name: "pulumi-resource-postgresql (stand-in)",
        });
        // A server that goes away says so to idle sessions too; the next one to connect reports it.
        pool.on("error", () => {});
        this.#pools.set(database, pool);
        return pool;
    }
}

/** Runs one statement; a failure is told with what was being done. */
export async function execute(session: Session, doing: string, sql: string): Promise<void> {
    try {
        await session.query(sql);
    } catch (error) {
        throw databaseError(`${doing}: `, error);
    }
}

function databaseError(prefix: string, error: unknown): UserError {
    return new UserError(`${prefix}${describe(error)}`);
}

function describe(error: unknown): string {
    if (error instanceof AggregateError) return error.errors.map(describe).join("; ");
    if (!(error instanceof Error)) return String(error);
    if (!(error instanceof pg.DatabaseError)) return error.message;
    const detail = error.detail === undefined ? "" : `: ${error.detail}`;
    return `pq: ${error.message}${detail} (${error.code})`;
}
