import type { IncomingMessage } from "node:http";
import { refuse } from "./errors.ts";
import { boundaryOf, type Part, readParts } from "./multipart.ts";

/** An upload whose bytes have not been read yet. */
export interface Incoming {
    readonly mimeType: string;
    readonly cacheControl: string;
    readonly userMetadata: Record<string, unknown>;
    /** Bytes of the whole request, as far as its sender said so: what policies see, for a form more than the file. */
    readonly requestSize: number | undefined;
    /** Bytes of the file, as far as they are known before they come. */
    readonly fileSize: number | undefined;
    readonly body: AsyncIterable<Buffer>;
}

/** Bytes of one form field. */
const longestField = 1024 * 1024;
const mostFields = 10;

/** What the request carries: the file of a form (supabase-js, given a Blob) or the body itself. */
export async function openUpload(request: IncomingMessage): Promise<Incoming> {
    const { headers } = request;
    const boundary = boundaryOf(headers["content-type"]);
    // Leaving the loop early must not tear down the connection: the refusal has still to be sent.
    const body = request.iterator({ destroyOnReturn: false });
    const length = headers["content-length"];
    const requestSize = length === undefined ? undefined : Number(length);
    if (boundary !== undefined) return { ...(await openForm(body, boundary)), requestSize, fileSize: undefined };

    const metadata = headers["x-metadata"];
    return {
        mimeType: headers["content-type"] ?? "application/octet-stream",
        cacheControl: headers["cache-control"] ?? "no-cache",
        userMetadata: parseMetadata(
            typeof metadata === "string" ? Buffer.from(metadata, "base64").toString("utf8") : undefined,
        ),
        requestSize,
        fileSize: requestSize,
        body,
    };
}

/** The first file of a form. Fields count when they stand before it, as supabase-js sends them; the rest is not read. */
async function openForm(source: AsyncIterable<Buffer>, boundary: string) {
    const parts = readParts(source, boundary);
    const fields = new Map<string, string>();
    for (;;) {
        const next = await parts.next();
        if (next.done) throw refuse.noContent();
        const part = next.value;
        if (part.fileName !== undefined) {
            const seconds = fields.get("cacheControl");
            return {
                mimeType: fields.get("contentType") ?? part.contentType ?? "application/octet-stream",
                cacheControl: seconds ? `max-age=${seconds}` : "no-cache",
                userMetadata: parseMetadata(fields.get("metadata") ?? fields.get("userMetadata")),
                body: part.body,
            };
        }
        if (fields.size >= mostFields) throw refuse.invalidRequest("reach fields limit");
        fields.set(part.name ?? "", await text(part));
    }
}

async function text(part: Part): Promise<string> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of part.body) {
        length += chunk.length;
        if (length > longestField) throw refuse.entityTooLarge("user_metadata");
        chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
}

/** What cannot be read is left out without a word, as the real server does. */
function parseMetadata(json: string | undefined): Record<string, unknown> {
    if (json === undefined) return {};
    try {
        const value: unknown = JSON.parse(json);
        return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
    } catch {
        return {};
    }
}
