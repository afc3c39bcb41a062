import { pipeline } from "node:stream/promises";
import { refuse } from "./errors.ts";
import { authenticate, type Exchange, type Handler, sendJson, transaction } from "./exchange.ts";
import type { Range } from "./files.ts";
import { checkObjectName } from "./names.ts";
import { type Caller, service } from "./token.ts";

interface StoredObject {
    readonly id: string;
    readonly name: string;
    readonly bucket_id: string;
    readonly version: string | null;
    readonly metadata: Metadata | null;
    readonly user_metadata: Record<string, unknown> | null;
    readonly created_at: Date | null;
    readonly updated_at: Date | null;
}

interface Metadata {
    readonly eTag?: string;
    readonly size?: number;
    readonly mimetype?: string;
    readonly cacheControl?: string;
    readonly lastModified?: string;
}

/** `GET` and `HEAD /object/<bucket>/<name>`: what the caller's policies show; a public bucket shows itself to all. */
export const downloadObject: Handler = async exchange => send(exchange, await visibleObject(exchange));

/** `GET` and `HEAD /object/public/<bucket>/<name>`: refused like a bucket that does not exist unless it is public. */
export const downloadPublicObject: Handler = async exchange => {
    if (!(await findBucket(exchange))?.public) throw refuse.noSuchBucket();
    await send(exchange, await findObject(exchange, service));
};

/** `GET /object/info/<bucket>/<name>`. */
export const describeObject: Handler = async exchange => {
    const found = await visibleObject(exchange);
    sendJson(exchange, {
        id: found.id,
        name: found.name,
        version: found.version,
        bucket_id: found.bucket_id,
        size: found.metadata?.size ?? null,
        content_type: found.metadata?.mimetype ?? null,
        cache_control: found.metadata?.cacheControl ?? null,
        etag: found.metadata?.eTag ?? null,
        metadata: found.user_metadata ?? {},
        last_modified: found.updated_at,
        created_at: found.created_at,
    });
};

/** The object as `caller` sees it. Throws the 404 that says neither whether it is missing nor whether it is hidden. */
export async function findObject(exchange: Exchange, caller: Caller): Promise<StoredObject> {
    checkObjectName(exchange.object);
    const { rows } = await transaction(exchange, caller, session =>
        session.query<StoredObject>(
            `select id, name, bucket_id, version, metadata, user_metadata, created_at, updated_at
               from storage.objects where bucket_id = $1 and name = $2`,
            [exchange.bucket, exchange.object],
        ),
    );
    const found = rows[0];
    if (found === undefined) throw refuse.noSuchObject();
    return found;
}

/** Sends the bytes, or for `HEAD` what they are. `expires` replaces the cache time that the upload asked for. */
export async function send(exchange: Exchange, found: StoredObject, expires?: Date): Promise<void> {
    const { request, response, storage } = exchange;
    const version = found.version ?? "";
    const size = await storage.files.size(version);
    // A row made with SQL has no bytes.
    if (size === undefined) throw refuse.noSuchFile();

    const { eTag, mimetype, cacheControl, lastModified } = found.metadata ?? {};
    const say = (name: string, value: string | undefined) => {
        if (value !== undefined) response.setHeader(name, printable(value));
    };
    say("accept-ranges", "bytes");
    say("content-type", harmless(mimetype ?? "application/octet-stream"));
    say("etag", eTag);
    say("last-modified", lastModified && new Date(lastModified).toUTCString());
    if (expires === undefined) say("cache-control", cacheControl ?? "no-cache");
    else say("expires", expires.toUTCString());
    const fileName = exchange.query.get("download");
    if (fileName !== null) say("content-disposition", disposition(fileName));

    if (eTag !== undefined && request.headers["if-none-match"] === eTag) {
        response.writeHead(304).end();
        return;
    }
    const range = rangeOf(request.headers.range, size);
    if (range === "unsatisfiable") {
        response.writeHead(416, { "content-range": `bytes */${size}`, "content-length": 0 }).end();
        return;
    }
    const part = range ?? { start: 0, end: size - 1 };
    const bytes = request.method === "HEAD" || size === 0 ? undefined : await storage.files.read(version, part);
    if (range !== undefined) say("content-range", `bytes ${part.start}-${part.end}/${size}`);
    response.writeHead(range === undefined ? 200 : 206, { "content-length": part.end - part.start + 1 });
    if (bytes === undefined) response.end();
    else await pipeline(bytes, response);
}

async function visibleObject(exchange: Exchange): Promise<StoredObject> {
    const bucket = await findBucket(exchange);
    // A bad token is no token on these routes: whoever has none sees public buckets only.
    const caller = await authenticate(exchange).catch(() => undefined);
    if (bucket === undefined || (caller === undefined && !bucket.public)) throw refuse.noSuchBucket();
    return findObject(exchange, bucket.public || caller === undefined ? service : caller);
}

async function findBucket(exchange: Exchange): Promise<{ public: boolean | null } | undefined> {
    const { rows } = await transaction(exchange, service, session =>
        session.query<{ public: boolean | null }>("select public from storage.buckets where id = $1", [
            exchange.bucket,
        ]),
    );
    return rows[0];
}

/** Bytes asked for: undefined is all of them, also when the header is not one range of bytes. */
function rangeOf(header: string | undefined, size: number): Range | "unsatisfiable" | undefined {
    const found = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
    const [, first = "", last = ""] = found ?? [];
    if (first === "" && last === "") return undefined;
    const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
    const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
    return start > end ? "unsatisfiable" : { start, end };
}

/** A page uploaded by one user must not run as this origin in another's browser. */
function harmless(mimeType: string): string {
    return mimeType.includes("text/html") ? "text/plain" : mimeType;
}

/** What was uploaded as a type may hold characters that no header can. */
function printable(value: string): string {
    return String(value).replace(/[^ -~\u00a0-\u00ff]/g, "?");
}

function disposition(fileName: string): string {
    if (fileName === "") return "attachment;";
    const encoded = encodeURIComponent(fileName);
    return `attachment; filename=${encoded}; filename*=UTF-8''${encoded};`;
}
