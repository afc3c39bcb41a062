import pg from "pg";
import { refuse, StorageError } from "./errors.ts";
import type { Caller } from "./token.ts";

/** What a policy can ask about the request, besides who sent it. */
export interface Occasion {
    /** The real server's name of the operation, e.g. `storage.object.upload`: `storage.operation()` in a policy. */
    readonly operation: string;
    readonly method: string;
    readonly path: string;
}

/** A transaction of one request. */
export interface Session {
    query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<pg.QueryResult<Row>>;
    /** From here to the end of the transaction the statements are this caller's. */
    become(caller: Caller): Promise<void>;
}

/** The storage tables, always seen through the role of a caller: row level security decides, not this program. */
export interface Database {
    /** Runs `work` as `caller` and commits. */
    transaction<T>(occasion: Occasion, caller: Caller, work: (session: Session) => Promise<T>): Promise<T>;
    /** Runs `work` as `caller` and takes it back: what would the policies say? */
    rehearse<T>(occasion: Occasion, caller: Caller, work: (session: Session) => Promise<T>): Promise<T>;
    end(): Promise<void>;
}

/** Milliseconds; a forgotten lock must not hold requests for ever. */
const statementTimeout = 30_000;
const connectionTimeout = 10_000;

export function openDatabase(config: pg.PoolConfig): Database {
    const pool = new pg.Pool({
        application_name: "storage",
        max: 10,
        connectionTimeoutMillis: connectionTimeout,
        statement_timeout: statementTimeout,
        ...config,
    });
    // An idle connection that breaks (the server restarted) is replaced by the pool; unheard, it would end the process.
    pool.on("error", () => {});

    async function run<T>(
        end: "commit" | "rollback",
        occasion: Occasion,
        caller: Caller,
        work: (session: Session) => Promise<T>,
    ): Promise<T> {
        const client = await pool.connect().catch((cause: Error) => {
            throw refuse.noDatabase(cause);
        });
        let broken: Error | undefined;
        const lost = (error: Error) => {
            broken = error;
        };
        // The pool listens to idle connections only: one that breaks in use would end the process.
        client.on("error", lost);
        const session: Session = {
            query: (text, values = []) => client.query(text, [...values]),
            become: async next => {
                await client.query(scope, scopeValues(occasion, next));
            },
        };
        try {
            await client.query("begin");
            await session.become(caller);
            const result = await work(session);
            await client.query(end);
            return result;
        } catch (error) {
            await client.query("rollback").catch(lost);
            throw broken === undefined || error instanceof StorageError ? error : refuse.noDatabase(broken);
        } finally {
            client.off("error", lost);
            client.release(broken);
        }
    }

    return {
        transaction: (occasion, caller, work) => run("commit", occasion, caller, work),
        rehearse: (occasion, caller, work) => run("rollback", occasion, caller, work),
        end: () => pool.end(),
    };
}

// The settings of the platform: `set local role` and what auth.uid(), auth.role(), auth.jwt(), storage.operation()
// read. The last one is what the trigger storage.protect_delete() asks for: the bytes go with the row here.
const scope = `
    select set_config('role', $1, true),
           set_config('request.jwt.claims', $2, true),
           set_config('request.jwt.claim.sub', $3, true),
           set_config('request.jwt.claim.role', $1, true),
           set_config('request.method', $4, true),
           set_config('request.path', $5, true),
           set_config('storage.operation', $6, true),
           set_config('storage.allow_delete_query', 'true', true)`;

function scopeValues(occasion: Occasion, caller: Caller): string[] {
    return [
        caller.role,
        JSON.stringify(caller.claims),
        caller.subject ?? "",
        occasion.method,
        occasion.path,
        occasion.operation,
    ];
}
