import { refuse } from "./errors.ts";
import { authenticate, type Handler, readJson, sendJson, transaction } from "./exchange.ts";
import { checkBucketName } from "./names.ts";

const sortColumns = ["name", "updated_at", "created_at", "last_accessed_at"];
const mostEntries = 1500;

/** `POST /object/list/<bucket>`: files and folders one level below a prefix, as far as the caller's policies show them. */
export const listObjects: Handler = async exchange => {
    const body = await readJson(exchange);
    const { prefix, limit = 100, offset = 0, search = "", sortBy = {} } = body;
    const { column = "name", order = "asc" } = sortBy as Record<string, unknown>;
    if (typeof prefix !== "string") throw refuse.malformed("body must have required property 'prefix'");
    if (!Number.isInteger(limit) || Number(limit) < 1) throw refuse.malformed("body/limit must be >= 1");
    if (!Number.isInteger(offset) || Number(offset) < 0) throw refuse.malformed("body/offset must be >= 0");
    if (typeof search !== "string") throw refuse.malformed("body/search must be string");
    if (!sortColumns.includes(String(column)) || !["asc", "desc"].includes(String(order))) {
        throw refuse.malformed("body/sortBy must be equal to one of the allowed values");
    }
    const caller = await authenticate(exchange);
    checkBucketName(exchange.bucket);

    const folder = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
    const sorted = column === "name" ? `sort_key ${order}` : `is_folder desc, ${column} ${order}, sort_key`;
    const { rows } = await transaction(exchange, caller, session =>
        session.query(`${entries} order by ${sorted} limit $4 offset $5`, [
            exchange.bucket,
            folder,
            search,
            Math.min(Number(limit), mostEntries),
            offset,
        ]),
    );
    sendJson(
        exchange,
        rows.map(({ sort_key: _sortKey, is_folder: _isFolder, ...entry }) => entry),
    );
};

// What storage.search() of the platform answers: letter case does not count, a folder has a name and nothing else.
const entries = `
    with below as (
        select substr(o.name, length($2) + 1) as rest, o.*
          from storage.objects o
         where o.bucket_id = $1 and starts_with(lower(o.name), lower($2 || $3))
    )
    select split_part(rest, '/', 1) as name, null::uuid as id, null::timestamptz as updated_at,
           null::timestamptz as created_at, null::timestamptz as last_accessed_at, null::jsonb as metadata,
           true as is_folder, lower(split_part(rest, '/', 1) || '/') collate "C" as sort_key
      from below where strpos(rest, '/') > 0 group by 1
    union all
    select rest, id, updated_at, created_at, last_accessed_at, metadata, false, lower(rest) collate "C"
      from below where strpos(rest, '/') = 0`;

/** `DELETE /object/<bucket>` with names: answers the objects that were removed; those the caller may not are left out. */
export const removeObjects: Handler = async exchange => {
    const { prefixes } = await readJson(exchange);
    if (!Array.isArray(prefixes) || prefixes.length === 0 || prefixes.some(name => typeof name !== "string")) {
        throw refuse.malformed("body must have required property 'prefixes'");
    }
    const caller = await authenticate(exchange);
    checkBucketName(exchange.bucket);
    const { rows } = await transaction(exchange, caller, session =>
        session.query<{ version: string | null }>(
            `delete from storage.objects where bucket_id = $1 and name = any($2)
             returning name, bucket_id, owner, owner_id, version, id, updated_at, created_at, last_accessed_at,
                       metadata, user_metadata`,
            [exchange.bucket, prefixes],
        ),
    );
    await exchange.storage.files.forget(rows.map(row => row.version));
    sendJson(exchange, rows);
};
