import { refuse } from "./errors.ts";
import { authenticate, type Handler, readJson, sendJson, transaction } from "./exchange.ts";
import { checkAllowedMimeTypes } from "./mimeType.ts";
import { checkBucketName } from "./names.ts";
import { service } from "./token.ts";

const columns = "id, name, owner, public, file_size_limit, allowed_mime_types, created_at, updated_at";

interface BucketRow {
    readonly owner: string | null;
    readonly file_size_limit: string | null;
}

/** `GET /bucket`: the buckets that the caller's policies show. */
export const listBuckets: Handler = async exchange => {
    const { query } = exchange;
    const limit = wholeNumber(query.get("limit"), "limit", 1);
    const offset = wholeNumber(query.get("offset"), "offset", 0);
    const column = query.get("sortColumn") ?? "name";
    const order = query.get("sortOrder") ?? "asc";
    // Both become part of the statement, so both come from a list.
    if (!["id", "name", "created_at", "updated_at"].includes(column) || !["asc", "desc"].includes(order)) {
        throw refuse.malformed("querystring/sortColumn must be equal to one of the allowed values");
    }
    const caller = await authenticate(exchange);
    const { rows } = await transaction(exchange, caller, session =>
        session.query<BucketRow>(
            `select ${columns} from storage.buckets where strpos(lower(name), lower($1)) > 0 or $1 = ''
              order by ${column} ${order} limit $2 offset $3`,
            [query.get("search") ?? "", limit, offset],
        ),
    );
    sendJson(exchange, rows.map(describe));
};

/** `GET /bucket/<id>`. */
export const getBucket: Handler = async exchange => {
    const caller = await authenticate(exchange);
    const { rows } = await transaction(exchange, caller, session =>
        session.query<BucketRow>(`select ${columns} from storage.buckets where id = $1`, [exchange.bucket]),
    );
    if (rows[0] === undefined) throw refuse.noSuchBucket();
    sendJson(exchange, describe(rows[0]));
};

/** `POST /bucket`. */
export const createBucket: Handler = async exchange => {
    const body = await readJson(exchange);
    const { name, id = name, type = "STANDARD" } = body;
    if (typeof name !== "string") throw refuse.malformed("body must have required property 'name'");
    if (typeof id !== "string") throw refuse.malformed("body/id must be string");
    if (type !== "STANDARD") throw refuse.notServed("POST", `${exchange.occasion.path} (type ${type})`);
    const settings = settingsOf(body);
    const caller = await authenticate(exchange);
    checkBucketName(name);
    checkBucketName(id);
    await transaction(exchange, caller, session =>
        // Without `returning`: whoever may create a bucket need not be able to see it.
        session.query(
            `insert into storage.buckets (id, name, owner, owner_id, public, file_size_limit, allowed_mime_types)
             values ($1, $2, (case when $3 ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then $3 end)::uuid, $3,
                     $4, $5, $6)`,
            [
                id,
                name,
                caller.subject ?? null,
                settings.public ?? false,
                settings.fileSizeLimit ?? null,
                settings.allowedMimeTypes ?? null,
            ],
        ),
    );
    sendJson(exchange, { name });
};

/** `PUT /bucket/<id>`: what the body does not name stays. */
export const updateBucket: Handler = async exchange => {
    const settings = settingsOf(await readJson(exchange));
    const caller = await authenticate(exchange);
    const { rowCount } = await transaction(exchange, caller, session =>
        session.query(
            `update storage.buckets
                set public = case when $2 then $3 else public end,
                    file_size_limit = case when $4 then $5 else file_size_limit end,
                    allowed_mime_types = case when $6 then $7 else allowed_mime_types end
              where id = $1`,
            [
                exchange.bucket,
                settings.public !== undefined,
                settings.public,
                settings.fileSizeLimit !== undefined,
                settings.fileSizeLimit,
                settings.allowedMimeTypes !== undefined,
                settings.allowedMimeTypes,
            ],
        ),
    );
    if (rowCount === 0) throw refuse.noSuchBucket();
    sendJson(exchange, { message: "Successfully updated" });
};

/** `POST /bucket/<id>/empty`: at once, where the platform queues it; all that the caller sees or nothing. */
export const emptyBucket: Handler = async exchange => {
    await readJson(exchange);
    const caller = await authenticate(exchange);
    const versions = await transaction(exchange, caller, async session => {
        const found = await session.query("select id from storage.buckets where id = $1", [exchange.bucket]);
        if (found.rowCount === 0) throw refuse.noSuchBucket();
        const removed = await session.query<{ version: string | null }>(
            "delete from storage.objects where bucket_id = $1 returning version",
            [exchange.bucket],
        );
        const left = await session.query<{ name: string }>(
            "select name from storage.objects where bucket_id = $1 order by name limit 10",
            [exchange.bucket],
        );
        if (left.rows.length > 0) {
            const names = left.rows.map(row => row.name).join(" ,");
            throw refuse.accessDenied(`Cannot delete: ${names}, you may have SELECT but not DELETE permissions`);
        }
        return removed.rows.map(row => row.version);
    });
    await exchange.storage.files.forget(versions);
    sendJson(exchange, { message: "Empty bucket has been queued. Completion may take up to an hour." });
};

/** `DELETE /bucket/<id>`: only when nothing is in it, seen or unseen by the caller. */
export const deleteBucket: Handler = async exchange => {
    await readJson(exchange);
    const caller = await authenticate(exchange);
    await transaction(exchange, service, async session => {
        // Locked, so that no upload arrives between the look and the delete.
        const found = await session.query("select id from storage.buckets where id = $1 for update", [exchange.bucket]);
        if (found.rowCount === 0) throw refuse.noSuchBucket();
        const objects = await session.query("select 1 from storage.objects where bucket_id = $1 limit 1", [
            exchange.bucket,
        ]);
        if (objects.rowCount !== 0) throw refuse.bucketNotEmpty();
        await session.become(caller);
        const deleted = await session.query("delete from storage.buckets where id = $1", [exchange.bucket]);
        if (deleted.rowCount === 0) throw refuse.noSuchBucket();
    });
    sendJson(exchange, { message: "Successfully deleted" });
};

function describe(row: BucketRow): object {
    return {
        ...row,
        owner: row.owner ?? "",
        file_size_limit: row.file_size_limit === null ? null : Number(row.file_size_limit),
        type: "STANDARD",
    };
}

/** Undefined: not named by the request; null: no limit. */
interface Settings {
    readonly public: boolean | undefined;
    readonly fileSizeLimit: number | null | undefined;
    readonly allowedMimeTypes: string[] | null | undefined;
}

function settingsOf(body: Record<string, unknown>): Settings {
    const { public: isPublic, file_size_limit: limit, allowed_mime_types: types } = body;
    if (isPublic !== undefined && typeof isPublic !== "boolean") throw refuse.malformed("body/public must be boolean");
    if (types !== undefined && types !== null && !isStrings(types)) {
        throw refuse.malformed("body/allowed_mime_types must be array");
    }
    const allowedMimeTypes = types?.filter(type => type !== "");
    if (allowedMimeTypes) checkAllowedMimeTypes(allowedMimeTypes);
    return {
        public: isPublic,
        fileSizeLimit: limit === undefined || limit === null ? limit : bytes(limit),
        allowedMimeTypes: types === null ? null : allowedMimeTypes,
    };
}

function isStrings(value: unknown): value is string[] {
    return Array.isArray(value) && value.every(entry => typeof entry === "string");
}

const units: Record<string, number> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9 };

function bytes(limit: unknown): number {
    if (typeof limit === "number") {
        if (!Number.isSafeInteger(limit) || limit < 0) throw refuse.malformed("body/file_size_limit must be integer");
        return limit;
    }
    const [, value, unit] = /^([0-9]+(?:\.[0-9]+)?)(gb|mb|kb|b)$/i.exec(String(limit)) ?? [];
    if (value === undefined || unit === undefined) throw refuse.invalidFileSizeLimit();
    return Math.round(Number(value) * (units[unit.toLowerCase()] ?? 1));
}

function wholeNumber(text: string | null, name: string, least: number): number | null {
    if (text === null) return null;
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least)
        throw refuse.malformed(`querystring/${name} must be >= ${least}`);
    return value;
}
