import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type pg from "pg";
import { UserError } from "../../runner/userError.ts";
import { openDatabase } from "./database.ts";
import { asStorageError, StorageError } from "./errors.ts";
import { type Storage, sendJson } from "./exchange.ts";
import { openFiles } from "./files.ts";
import { answer } from "./router.ts";

export interface StorageOptions {
    /** Default: a free one. */
    readonly port?: number;
    /** A login that may `set role` to anon, authenticated and service_role: `authenticator` or `postgres`. */
    readonly database: pg.PoolConfig;
    /** What tokens are signed with; the project's service key is one of them, with the role service_role. */
    readonly jwtSecret: string;
    /** Made when missing. One running endpoint per folder. */
    readonly filesDir: string;
}

export interface RunningStorage {
    /** What supabase-js calls the project's URL: without /storage/v1. */
    readonly url: string;
    readonly port: number;
    /** Lets requests that run end, for a few seconds at most. */
    close(): Promise<void>;
}

const loopback = "127.0.0.1";
/** Milliseconds. */
const patience = 5_000;
const notServed = 501;

/**
 * Serves the Storage API of a local project on 127.0.0.1, for processes of this machine only.
 * Throws UserError when the port is taken.
 */
export async function startStorage(options: StorageOptions): Promise<RunningStorage> {
    if (options.jwtSecret === "") throw new UserError("the JWT secret of the local Storage endpoint is empty");
    const files = await openFiles(options.filesDir);
    const storage: Storage = { database: openDatabase(options.database), files, jwtSecret: options.jwtSecret };
    const server = createServer((request, response) => {
        void serve(storage, request, response);
    });
    try {
        const port = await listen(server, options.port ?? 0);
        return { url: `http://${loopback}:${port}`, port, close: () => close(server, storage) };
    } catch (error) {
        await storage.database.end();
        throw error;
    }
}

async function serve(storage: Storage, request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Heard, so that a client that goes away in the middle ends its request and not the process.
    request.on("error", () => {});
    response.on("error", () => {});
    try {
        await answer(storage, request, response);
    } catch (error) {
        refuseWith(error, request, response);
    } finally {
        drain(request);
    }
}

function refuseWith(error: unknown, request: IncomingMessage, response: ServerResponse): void {
    // The client went away: there is nobody to answer, and nothing went wrong here.
    if (request.socket.destroyed) return;
    const known = asStorageError(error);
    const refusal = known ?? new StorageError(500, "InternalError", "Internal Server Error", "Internal");
    if (refusal.statusCode >= 500 && refusal.statusCode !== notServed) {
        // The path without its query, which may hold a token.
        console.error(`${request.method} ${request.url?.split("?")[0]}:`, known === undefined ? error : known.message);
    }
    if (response.headersSent) {
        response.destroy();
        return;
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.setHeader("cache-control", "no-store");
    sendJson({ response }, refusal.body, refusal.httpStatus);
}

/** Takes what is left of a refused body: a client in the middle of sending it would not read the refusal otherwise. */
function drain(request: IncomingMessage): void {
    if (request.readableEnded || request.destroyed) return;
    request.removeAllListeners("readable");
    request.resume();
}

function listen(server: Server, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
        server.once("error", (error: NodeJS.ErrnoException) => {
            reject(error.code === "EADDRINUSE" ? portTaken(port) : error);
        });
        server.listen(port, loopback, () => resolve((server.address() as AddressInfo).port));
    });
}

function portTaken(port: number): UserError {
    return new UserError(`port ${port} of ${loopback} is taken: the local Storage endpoint cannot listen there`, [
        "Stop what uses it, or choose another port.",
    ]);
}

async function close(server: Server, storage: Storage): Promise<void> {
    const closed = new Promise<void>(resolve => server.close(() => resolve()));
    server.closeIdleConnections();
    const impatient = setTimeout(() => server.closeAllConnections(), patience);
    await closed;
    clearTimeout(impatient);
    await storage.database.end();
}
