import type { SupabaseClient } from "@supabase/supabase-js";
import type pg from "pg";
import type { Environment } from "./database/connection.ts";
import { isLoopback } from "./database/loopback.ts";
import type { Session } from "./database/session.ts";
import { UserError } from "./userError.ts";

/** The settings of the bucket, as the stack declares them. */
export interface BucketSettings {
    readonly name: string;
    /** Largest file, in bytes: rules the bucket and the table alike. */
    readonly maxBytes: number;
    readonly mimeTypes: readonly string[];
}

type Former = { public: boolean; file_size_limit?: number | null; allowed_mime_types?: string[] | null };

/**
 * Creates the private bucket, or gives it these settings, and tells the database which bucket it is. A bucket that was
 * there before keeps its former settings in the ledger, and gets them back from {@link removeBucket}. So does the one that
 * the stack had until now, where that has another name; one that it made goes.
 *
 * @throws UserError when Storage refuses, or when that one holds files
 */
export async function putBucket(session: Session, settings: BucketSettings, environment: Environment): Promise<void> {
    await requireNoneStranded(session.client, settings.name);
    const { storage } = await storageClient(environment);
    const options = { public: false, fileSizeLimit: settings.maxBytes, allowedMimeTypes: [...settings.mimeTypes] };

    const { data: existing, error } = await storage.getBucket(settings.name);
    if (error && !/not found/i.test(error.message)) throw storageRefused(`reading the bucket ${settings.name}`, error);
    // Written down before anything is made, so that a crash in between cannot turn our bucket into a former one.
    await session.client.query(
        "insert into simulation_db.bucket (name, former) values ($1, $2) on conflict (name) do nothing",
        [settings.name, existing ? JSON.stringify(formerOf(existing)) : null],
    );
    const { error: failed } = existing
        ? await storage.updateBucket(settings.name, options)
        : await storage.createBucket(settings.name, options);
    if (failed) throw storageRefused(`${existing ? "changing" : "creating"} the bucket ${settings.name}`, failed);

    // Before the database knows the new one: where Storage refuses, the next run has to find that files may still come in.
    for (const left of await leftEmpty(session.client, settings.name)) await removeBucket(session, left, environment);
    // The one setting rules the table and the storage policies as well.
    const { rowCount } = await session.client.query(
        "update simulation_private.dataset_bucket set bucket_id = $1, max_bytes = $2",
        [settings.name, settings.maxBytes],
    );
    if (rowCount !== 1) throw noSetting();
}

/** What the database knows of the bucket: its policies and the table go by that. */
export interface KnownBucket {
    readonly bucket: string;
    /** In bytes. */
    readonly limit: number;
}

/** Undefined where the migration that holds it is not applied, or its row was deleted. */
export async function findBucket(client: pg.Client): Promise<KnownBucket | undefined> {
    const { rows: there } = await client.query<{ setting: string | null }>(
        "select to_regclass('simulation_private.dataset_bucket') as setting",
    );
    const { rows } = there[0]?.setting
        ? await client.query<KnownBucket>(
              `select bucket_id as bucket, max_bytes::float8 as "limit" from simulation_private.dataset_bucket`,
          )
        : { rows: [] };
    return rows[0];
}

/** The same. @throws UserError where it is not there */
export async function requireBucketSetting(client: pg.Client): Promise<KnownBucket> {
    const known = await findBucket(client);
    if (known === undefined) throw noSetting();
    return known;
}

function noSetting(): UserError {
    return new UserError("simulation_private.dataset_bucket has no row: it is made by a migration.", [
        "where the migrations are not applied: npm run up",
        "where somebody deleted the row: insert into simulation_private.dataset_bucket (bucket_id, max_bytes) values ('datasets', 52428800), then npm run up",
    ]);
}

/**
 * The policies know one bucket: with another name in the config, files in the one before could not be reached any more.
 * What is in a bucket that the stack has never taken is none of its business, whatever the migration's default says.
 *
 * @throws UserError that says how many files there are
 */
export async function requireNoneStranded(client: pg.Client, name: string): Promise<void> {
    const known = (await findBucket(client))?.bucket ?? name;
    if (known === name || !(await isTaken(client, known))) return;
    const objects = await countObjects(client, known);
    if (objects === 0) return;
    throw new UserError(
        `bucketName is ${name} now, and ${counted(objects)} in the bucket ${known} could not be reached any more.`,
        [`set bucketName back to ${known}`, "or move or delete the files first (Storage API or dashboard)"],
    );
}

/** Whether the stack has made that bucket, or taken it over, and not removed it since. */
export async function isTaken(client: pg.Client, name: string): Promise<boolean> {
    const { rows } = await client.query("select from simulation_db.bucket where name = $1", [name]);
    return rows.length > 0;
}

/** Those of the stack under other names: the one before, or one to which a change of the name did not come. */
async function leftEmpty(client: pg.Client, name: string): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
        `select name from simulation_db.bucket
         where name <> $1 and not exists (select from storage.objects where bucket_id = bucket.name)
         order by name`,
        [name],
    );
    return rows.map(row => row.name);
}

async function countObjects(client: pg.Client, bucket: string): Promise<number> {
    const { rows } = await client.query<{ objects: number }>(
        "select count(*)::int as objects from storage.objects where bucket_id = $1",
        [bucket],
    );
    return rows[0]?.objects ?? 0;
}

function counted(objects: number): string {
    return `${objects} object${objects === 1 ? "" : "s"}`;
}

/**
 * Deletes the bucket that {@link putBucket} made, or gives an older one its former settings back.
 *
 * @throws UserError when objects are in a bucket that would go, or become public: it names how many
 */
export async function removeBucket(session: Session, name: string, environment: Environment): Promise<string> {
    const { client } = session;
    const { rows } = await client.query<{ former: Former | null }>(
        "select former from simulation_db.bucket where name = $1",
        [name],
    );
    if (!rows[0]) return `bucket ${name} was not ours: nothing to undo`;

    const { storage } = await storageClient(environment);
    const { former } = rows[0];
    if (former) {
        // What users uploaded since would be readable by everybody, without a policy in between.
        if (former.public && !(await isPublic(client, name))) {
            await requireEmpty(session, name, "made public again", [
                "or, where everybody may read them, make it public in the dashboard, then run the same command again",
            ]);
        }
        const { error } = await storage.updateBucket(name, {
            public: former.public,
            fileSizeLimit: former.file_size_limit ?? null,
            allowedMimeTypes: former.allowed_mime_types ?? null,
        });
        // Where a person has deleted it there is nothing to give back.
        if (error && !/not found/i.test(error.message))
            throw storageRefused(`giving the bucket ${name} its former settings back`, error);
    } else {
        await requireEmpty(session, name, "deleted");
        const { error } = await storage.deleteBucket(name);
        if (error && !/not found/i.test(error.message)) throw storageRefused(`deleting the bucket ${name}`, error);
    }
    await client.query("delete from simulation_db.bucket where name = $1", [name]);
    return former ? `bucket ${name} has its former settings back` : `bucket ${name} deleted`;
}

async function requireEmpty(
    { client }: Session,
    name: string,
    outcome: string,
    otherwise: readonly string[] = [],
): Promise<void> {
    const objects = await countObjects(client, name);
    if (objects === 0) return;
    throw new UserError(`the bucket ${name} holds ${counted(objects)}: it is not ${outcome}.`, [
        "move or delete the files first (Storage API or dashboard), then run the same command again",
        ...otherwise,
    ]);
}

async function isPublic(client: pg.Client, name: string): Promise<boolean> {
    const { rows } = await client.query("select from storage.buckets where id = $1 and public", [name]);
    return rows.length > 0;
}

/** Address and key of the project's Storage. @throws UserError when either is not set, or the key would go in clear */
export function storageAccess(environment: Environment): { readonly url: string; readonly key: string } {
    const { SUPABASE_URL: url, SUPABASE_SERVICE_ROLE_KEY: key } = environment;
    if (!url) {
        throw new UserError("SUPABASE_URL is not set: the address of the project's API.", [
            "set storageUrl in the stack's config",
        ]);
    }
    if (!URL.canParse(url) || (new URL(url).protocol !== "https:" && !isLoopback(new URL(url).hostname))) {
        throw new UserError(`SUPABASE_URL is ${url}: the service key is sent by https only.`, [
            "set storageUrl in the stack's config to the address that begins with https://",
        ]);
    }
    if (!key) {
        throw new UserError("SUPABASE_SERVICE_ROLE_KEY is not set: the bucket is managed with the service key.", [
            "export it in this shell or in the CI's secrets; it never goes into config or state",
        ]);
    }
    return { url, key };
}

/** supabase-js with the service key. @throws UserError when address or key are not set */
export async function storageClient(environment: Environment): Promise<SupabaseClient> {
    const { url, key } = storageAccess(environment);
    // Heavy to load, and only the bucket step needs it.
    const { createClient } = await import("@supabase/supabase-js");
    return createClient(url, key, { auth: { persistSession: false, autoRefreshToken: false } });
}

function formerOf(bucket: Former): Former {
    return {
        public: bucket.public,
        file_size_limit: bucket.file_size_limit ?? null,
        allowed_mime_types: bucket.allowed_mime_types ?? null,
    };
}

/** What Storage said, and what to check. */
export function storageRefused(what: string, error: { message: string }): UserError {
    return new UserError(`${what} failed: Storage said "${error.message}"`, [
        "check storageUrl and SUPABASE_SERVICE_ROLE_KEY",
        "embedded: npm start brings the local Storage endpoint up",
    ]);
}
