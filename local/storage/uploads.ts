import { randomUUID } from "node:crypto";
import type { Session } from "./database.ts";
import { refuse } from "./errors.ts";
import { authenticate, type Exchange, type Handler, sendJson, transaction } from "./exchange.ts";
import type { Received } from "./files.ts";
import { openUpload } from "./incoming.ts";
import { checkMimeType } from "./mimeType.ts";
import { checkObjectName } from "./names.ts";
import { type Caller, service } from "./token.ts";

/** `POST /object/<bucket>/<name>`: a new object, or with `x-upsert: true` a new version of an existing one. */
export const uploadObject: Handler = exchange => upload(exchange, exchange.request.headers["x-upsert"] === "true");

/** `PUT /object/<bucket>/<name>`. */
export const replaceObject: Handler = exchange => upload(exchange, true);

/**
 * Asks the policies before a byte is taken, with a row that is taken back; the finished object is then written by the
 * service, as on the platform, so that policies judge the caller once and see `metadata` as `{mimetype, contentLength}`.
 */
async function upload(exchange: Exchange, upsert: boolean): Promise<void> {
    const caller = await authenticate(exchange);
    const incoming = await openUpload(exchange.request);
    const { mimeType, userMetadata } = incoming;
    const row = { exchange, owner: caller, version: randomUUID(), userMetadata };

    const limit = await exchange.storage.database.rehearse(exchange.occasion, service, async session => {
        const limits = await bucketLimits(session, exchange.bucket);
        checkMimeType(mimeType, limits.mimeTypes);
        if (incoming.fileSize !== undefined && incoming.fileSize > limits.size) throw refuse.entityTooLarge();
        checkObjectName(exchange.object);
        await session.become(caller);
        await writeRow(session, upsert, {
            ...row,
            metadata: { mimetype: mimeType, contentLength: incoming.requestSize },
        });
        return limits.size;
    });

    const received = await exchange.storage.files.receive(incoming.body, limit);
    try {
        const metadata = objectMetadata(received, mimeType, incoming.cacheControl);
        const id = await complete(exchange, upsert, received, { ...row, metadata });
        sendJson(exchange, { Id: id, Key: `${exchange.bucket}/${exchange.object}` });
    } finally {
        await received.discard();
    }
}

interface Limits {
    /** Bytes. */
    readonly size: number;
    readonly mimeTypes: string[] | null;
}

async function bucketLimits(session: Session, bucket: string): Promise<Limits> {
    const { rows } = await session.query<{ file_size_limit: string | null; allowed_mime_types: string[] | null }>(
        "select file_size_limit, allowed_mime_types from storage.buckets where id = $1",
        [bucket],
    );
    const row = rows[0];
    if (row === undefined) throw refuse.noSuchBucket();
    return {
        size: row.file_size_limit === null ? Number.POSITIVE_INFINITY : Number(row.file_size_limit),
        mimeTypes: row.allowed_mime_types,
    };
}

interface ObjectRow {
    readonly exchange: Exchange;
    readonly owner: Caller;
    readonly version: string;
    readonly metadata: Record<string, unknown>;
    readonly userMetadata: Record<string, unknown>;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const insert = `
    insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
    values ($1, $2, $3, $4, $5, $6, $7)`;
const insertOrUpdate = `${insert}
    on conflict (name, bucket_id) do update
        set owner = excluded.owner, owner_id = excluded.owner_id, version = excluded.version,
            metadata = excluded.metadata, user_metadata = excluded.user_metadata`;

// Without `returning` a plain upload needs no select policy; an upsert needs one, on the platform too.
async function writeRow(session: Session, upsert: boolean, row: ObjectRow): Promise<void> {
    const { exchange, owner } = row;
    await session.query(upsert ? insertOrUpdate : insert, [
        exchange.bucket,
        exchange.object,
        uuid.test(owner.subject ?? "") ? owner.subject : null,
        owner.subject,
        row.version,
        JSON.stringify(row.metadata),
        JSON.stringify(row.userMetadata),
    ]);
}

/** Makes bytes and row one: returns the object's id. Bytes of the version before are forgotten once it is committed. */
async function complete(exchange: Exchange, upsert: boolean, received: Received, row: ObjectRow): Promise<string> {
    const { files } = exchange.storage;
    const done = await transaction(exchange, service, async session => {
        // Two uploads of one new object both pass the rehearsal: here they queue up, and the second is a duplicate.
        await session.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [
            `${exchange.bucket}/${exchange.object}`,
        ]);
        const before = await findVersion(session, exchange);
        if (before !== undefined && !upsert) throw refuse.duplicate("KeyAlreadyExists");
        await received.keep(row.version);
        try {
            await writeRow(session, true, row);
            const after = await findVersion(session, exchange);
            if (after === undefined) throw refuse.noSuchObject();
            return { id: after.id, replaced: before?.version };
        } catch (error) {
            await files.forget([row.version]);
            throw error;
        }
    });
    await files.forget([done.replaced]);
    return done.id;
}

async function findVersion(session: Session, exchange: Exchange) {
    const { rows } = await session.query<{ id: string; version: string | null }>(
        "select id, version from storage.objects where bucket_id = $1 and name = $2 for update",
        [exchange.bucket, exchange.object],
    );
    return rows[0];
}

function objectMetadata(received: Received, mimeType: string, cacheControl: string): Record<string, unknown> {
    return {
        eTag: `"${received.md5}"`,
        size: received.size,
        mimetype: mimeType,
        cacheControl,
        lastModified: new Date().toISOString(),
        contentLength: received.size,
        httpStatusCode: 200,
    };
}
