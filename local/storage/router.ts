import type { IncomingMessage, ServerResponse } from "node:http";
import { createBucket, deleteBucket, emptyBucket, getBucket, listBuckets, updateBucket } from "./buckets.ts";
import { describeObject, downloadObject, downloadPublicObject } from "./downloads.ts";
import { refuse } from "./errors.ts";
import { type Exchange, type Handler, type Storage, sendJson } from "./exchange.ts";
import { listObjects, removeObjects } from "./objects.ts";
import { downloadSigned, signUrl, signUrls } from "./signedUrls.ts";
import { replaceObject, uploadObject } from "./uploads.ts";

const root = "/storage/v1";

const health: Handler = async exchange => sendJson(exchange, { status: "ok" });

interface Route {
    readonly method: string;
    /** Segments below the root; `:bucket` is one segment, `*` at the end is the object's name with its slashes. */
    readonly path: string;
    /** The real server's name of it, which policies read as storage.operation(). */
    readonly operation: string;
    readonly handler: Handler;
}

/** All that is served. A path belongs to the first route whose words it has: `/object/list/…` is never a download. */
const routes: readonly Route[] = [
    { method: "GET", path: "status", operation: "status", handler: health },

    { method: "GET", path: "bucket", operation: "storage.bucket.list", handler: listBuckets },
    { method: "POST", path: "bucket", operation: "storage.bucket.create", handler: createBucket },
    { method: "GET", path: "bucket/:bucket", operation: "storage.bucket.get", handler: getBucket },
    { method: "PUT", path: "bucket/:bucket", operation: "storage.bucket.update", handler: updateBucket },
    { method: "DELETE", path: "bucket/:bucket", operation: "storage.bucket.delete", handler: deleteBucket },
    { method: "POST", path: "bucket/:bucket/empty", operation: "storage.bucket.empty", handler: emptyBucket },

    { method: "POST", path: "object/list/:bucket", operation: "storage.object.list", handler: listObjects },
    { method: "DELETE", path: "object/:bucket", operation: "storage.object.delete_many", handler: removeObjects },
    { method: "POST", path: "object/sign/:bucket", operation: "storage.object.sign_many", handler: signUrls },
    { method: "POST", path: "object/sign/:bucket/*", operation: "storage.object.sign", handler: signUrl },
    { method: "GET", path: "object/sign/:bucket/*", operation: "storage.object.get_signed", handler: downloadSigned },
    {
        method: "GET",
        path: "object/public/:bucket/*",
        operation: "storage.object.get_public",
        handler: downloadPublicObject,
    },
    {
        method: "HEAD",
        path: "object/public/:bucket/*",
        operation: "storage.object.info_public",
        handler: downloadPublicObject,
    },
    {
        method: "GET",
        path: "object/info/:bucket/*",
        operation: "object.get_authenticated_info",
        handler: describeObject,
    },
    {
        method: "GET",
        path: "object/authenticated/:bucket/*",
        operation: "storage.object.get_authenticated",
        handler: downloadObject,
    },
    {
        method: "HEAD",
        path: "object/authenticated/:bucket/*",
        operation: "object.head_authenticated_info",
        handler: downloadObject,
    },
    {
        method: "GET",
        path: "object/:bucket/*",
        operation: "storage.object.get_authenticated",
        handler: downloadObject,
    },
    {
        method: "HEAD",
        path: "object/:bucket/*",
        operation: "object.head_authenticated_info",
        handler: downloadObject,
    },
    { method: "POST", path: "object/:bucket/*", operation: "storage.object.upload", handler: uploadObject },
    { method: "PUT", path: "object/:bucket/*", operation: "storage.object.upload_update", handler: replaceObject },
];

/** Second words of `/object/…` that mean something on the platform: never taken for a bucket's name. */
const reserved = ["authenticated", "copy", "info", "list", "list-v2", "move", "public", "sign", "upload"];

/** Finds the route of a request and runs it. Throws 501 for all that is not served. */
export async function answer(storage: Storage, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = request;
    const [path = "/", search = ""] = splitOnce(url, "?");
    if (!path.startsWith(`${root}/`)) throw refuse.notServed(method, path);
    const segments = path.slice(root.length + 1).split("/");
    // A trailing slash on a fixed path is no other path; in an object's name it counts.
    if (segments.length === 2 && segments[1] === "") segments.pop();

    for (const route of routes) {
        const found = route.method === method ? match(route.path.split("/"), segments) : undefined;
        if (found === undefined) continue;
        const exchange: Exchange = {
            storage,
            request,
            response,
            occasion: { operation: route.operation, method, path },
            bucket: decode(found.bucket),
            object: decode(found.object),
            query: new URLSearchParams(search),
        };
        return route.handler(exchange);
    }
    throw refuse.notServed(method, path);
}

function match(pattern: readonly string[], segments: readonly string[]) {
    const rest = pattern.at(-1) === "*";
    if (rest ? segments.length < pattern.length : segments.length !== pattern.length) return undefined;
    let bucket = "";
    for (const [index, word] of pattern.entries()) {
        const segment = segments[index] ?? "";
        if (word === "*") return { bucket, object: segments.slice(index).join("/") };
        if (word === ":bucket") {
            if (segment === "" || (index === 1 && pattern[0] === "object" && reserved.includes(segment)))
                return undefined;
            bucket = segment;
        } else if (word !== segment) return undefined;
    }
    return { bucket, object: "" };
}

function decode(text: string): string {
    try {
        return decodeURIComponent(text);
    } catch {
        throw refuse.malformed("The path is not valid percent-encoding");
    }
}

function splitOnce(text: string, separator: string): [string, string] {
    const at = text.indexOf(separator);
    return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
