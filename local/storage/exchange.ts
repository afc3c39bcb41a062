import type { IncomingMessage, ServerResponse } from "node:http";
import type { Database, Occasion, Session } from "./database.ts";
import { refuse } from "./errors.ts";
import type { Files } from "./files.ts";
import { type Caller, callerOf } from "./token.ts";

/** What the endpoint is made of. */
export interface Storage {
    readonly database: Database;
    readonly files: Files;
    readonly jwtSecret: string;
}

/** One request and its answer, as a handler sees them. */
export interface Exchange {
    readonly storage: Storage;
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly occasion: Occasion;
    /** Bucket and object of the path, decoded; empty when the route has none. */
    readonly bucket: string;
    readonly object: string;
    readonly query: URLSearchParams;
}

export type Handler = (exchange: Exchange) => Promise<void>;

/** Who asks. Throws the refusal for a missing, forged or expired token. */
export function authenticate({ storage, request }: Exchange): Promise<Caller> {
    return callerOf(storage.jwtSecret, request.headers.authorization);
}

/** One transaction as `caller`. */
export function transaction<T>(exchange: Exchange, caller: Caller, work: (session: Session) => Promise<T>): Promise<T> {
    return exchange.storage.database.transaction(exchange.occasion, caller, work);
}

export function sendJson({ response }: Pick<Exchange, "response">, body: unknown, status = 200): void {
    const text = JSON.stringify(body);
    response.writeHead(status, {
        "content-type": "application/json; charset=utf-8",
        "content-length": Buffer.byteLength(text),
    });
    response.end(text);
}

/** Bytes: a list of a thousand of the longest names fits. */
const longestJson = 2 * 1024 * 1024;

/** The JSON object in the body; an empty body is an empty object, as supabase-js sends for DELETE. */
export async function readJson({ request }: Exchange): Promise<Record<string, unknown>> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > longestJson) throw refuse.entityTooLarge("request");
        chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString("utf8");
    if (text.trim() === "") return {};
    let body: unknown;
    try {
        body = JSON.parse(text);
    } catch {
        throw refuse.malformed("Body is not valid JSON but content-type is set to 'application/json'");
    }
    if (typeof body !== "object" || body === null || Array.isArray(body)) throw refuse.malformed("body must be object");
    return body as Record<string, unknown>;
}
