import type pg from "pg";
import { byteSize } from "./byteSize.ts";
import { datasetMimeTypes } from "./datasetFileTypes.ts";
import { findBucket, isTaken, type KnownBucket, requireBucketSetting } from "./bucket.ts";

/** What table, bucket and files say differently. */
export interface Audit {
    readonly bucket: string;
    /** Files that no row of public.datasets speaks of. */
    readonly filesWithoutRow: readonly FileFound[];
    /** Rows whose file is not in the bucket. */
    readonly rowsWithoutFile: readonly RowFound[];
    /** Rows whose file_size is not the size of their file, in bytes. */
    readonly otherSizes: readonly (RowFound & { readonly fileBytes: number })[];
    /** Settings of the bucket that are not the stack's, one sentence each. */
    readonly drift: readonly string[];
}

interface FileFound {
    readonly name: string;
    readonly bytes: number;
    readonly createdAt: Date;
}

interface RowFound {
    readonly id: string;
    readonly filePath: string;
    /** Null: the row does not say. */
    readonly bytes: number | null;
    readonly createdAt: Date;
}

/** How many of a kind are printed. */
const shown = 20;

/**
 * Compares the rows of datasets with the files of their bucket, and the bucket with its settings. Reads only.
 *
 * @param graceMinutes what is younger is left out: an upload makes the file first and the row afterwards
 * @throws UserError where the database knows no bucket
 */
export async function auditDatasets(client: pg.Client, graceMinutes: number): Promise<Audit> {
    await client.query("begin read only");
    try {
        const { bucket, limit } = await requireBucketSetting(client);
        const values = [bucket, `${graceMinutes} minutes`];
        const rowsOf = async <Row extends pg.QueryResultRow>(sql: string) =>
            (await client.query<Row>(sql, values)).rows;
        return {
            bucket,
            filesWithoutRow: await rowsOf<FileFound>(`
                select name, coalesce((metadata ->> 'size')::float8, 0) as bytes, created_at as "createdAt"
                from storage.objects as file
                where bucket_id = $1 and created_at < now() - $2::interval
                    and not exists (select from public.datasets as dataset where dataset.file_path = file.name)
                order by created_at`),
            rowsWithoutFile: await rowsOf<RowFound>(`
                select id, file_path as "filePath", file_size::float8 as bytes, created_at as "createdAt"
                from public.datasets as dataset
                where created_at < now() - $2::interval
                    and not exists (select from storage.objects as file where file.bucket_id = $1 and file.name = dataset.file_path)
                order by created_at`),
            otherSizes: await rowsOf<RowFound & { fileBytes: number }>(`
                select dataset.id, file_path as "filePath", file_size::float8 as bytes, dataset.created_at as "createdAt",
                    (file.metadata ->> 'size')::float8 as "fileBytes"
                from public.datasets as dataset
                join storage.objects as file on file.bucket_id = $1 and file.name = dataset.file_path
                where dataset.updated_at < now() - $2::interval and file_size <> (file.metadata ->> 'size')::bigint
                order by dataset.created_at`),
            drift: Object.values(await driftOf(client, { bucket, limit })).flat(),
        };
    } finally {
        await client.query("rollback");
    }
}

/** How many findings there are. */
export function countOf({ filesWithoutRow, rowsWithoutFile, otherSizes, drift }: Audit): number {
    return filesWithoutRow.length + rowsWithoutFile.length + otherSizes.length + drift.length;
}

/** What to do about the kinds that were found. */
export function remediesOf({ filesWithoutRow, rowsWithoutFile, otherSizes, drift }: Audit): string[] {
    return [
        ...(filesWithoutRow.length > 0
            ? ["a file without a row: remove it through the Storage API or in the dashboard, or add its row"]
            : []),
        ...(rowsWithoutFile.length > 0 ? ["a row without a file: upload the file again, or delete the row"] : []),
        ...(otherSizes.length > 0
            ? ["a row with another size: update public.datasets.file_size to that of the file"]
            : []),
        ...(drift.length > 0 ? ["a setting of the bucket: npm run up puts it right; a policy: drop it"] : []),
    ];
}

/** The findings for people, `shown` of each kind. */
export function auditLines({ bucket, filesWithoutRow, rowsWithoutFile, otherSizes, drift }: Audit): string[] {
    const day = (date: Date) => date.toISOString().slice(0, 10);
    return [
        ...part(
            `files in the bucket ${bucket} without a row in public.datasets`,
            filesWithoutRow.map(({ name, bytes, createdAt }) => `${name}  ${byteSize(bytes)}, of ${day(createdAt)}`),
        ),
        ...part(
            `rows of public.datasets without a file in the bucket ${bucket}`,
            rowsWithoutFile.map(({ id, filePath, createdAt }) => `${id}  ${filePath}, of ${day(createdAt)}`),
        ),
        ...part(
            "rows of public.datasets with another file_size than their file",
            otherSizes.map(({ id, bytes, fileBytes }) => `${id}  says ${bytes} bytes, the file has ${fileBytes}`),
        ),
        ...part(`settings of the bucket ${bucket} that are not the stack's`, drift),
    ];
}

function part(title: string, findings: readonly string[]): string[] {
    const more = findings.length - shown;
    return [
        `${findings.length === 0 ? "none   " : String(findings.length).padEnd(7)} ${title}`,
        ...findings.slice(0, shown).map(finding => `        ${finding}`),
        ...(more > 0 ? [`        … and ${more} more: --json prints all of them`] : []),
    ];
}

/**
 * What of the bucket's settings is not the stack's; none where there is no bucket of datasets yet.
 *
 * @param client may be in a session that cannot write
 * @param wasMade whether one that is missing is told: where the stack itself has not removed it, as a destroy does that
 *     ends half way
 */
export async function bucketDrift(client: pg.Client, wasMade: boolean): Promise<BucketFaults> {
    const setting = await findBucket(client);
    if (setting === undefined) return none;
    const faults = await driftOf(client, setting);
    if (!faults.settings.includes(missing)) return faults;
    return wasMade && (await isTaken(client, setting.bucket)) ? faults : none;
}

/** In words. */
export interface BucketFaults {
    /** Of the bucket itself. */
    readonly settings: readonly string[];
    /** Policies of somebody else that let others in. */
    readonly openings: readonly string[];
}

const none: BucketFaults = { settings: [], openings: [] };

const missing = "the bucket is missing";

async function driftOf(client: pg.Client, { bucket, limit }: KnownBucket): Promise<BucketFaults> {
    const { rows } = await client.query<{ public: boolean; bytes: number | null; types: string[] | null }>(
        `select coalesce(public, false) as public, file_size_limit::float8 as bytes, allowed_mime_types as types
         from storage.buckets where id = $1`,
        [bucket],
    );
    const [found] = rows;
    if (!found) return { settings: [missing], openings: [] };
    const list = (types: readonly string[] | null) => (types ? types.toSorted().join(", ") : "all types");
    const { rows: open } = await client.query<{ name: string; roles: string }>(
        `select policyname as name, array_to_string(roles, ', ') as roles from pg_policies as policy
         where schemaname = 'storage' and tablename = 'objects' and permissive = 'PERMISSIVE'
            and roles && array['public', 'anon']::name[]
            and ((coalesce(qual, '') || coalesce(with_check, '')) !~ 'bucket_id'
                or position(quote_literal($1::text) in coalesce(qual, '') || coalesce(with_check, '')) > 0)
            -- Where a migration keeps anon out, it opens nothing (sql/0025_dataset_files_anon_policies).
            and (
                select count(*) from pg_policies as guard
                where guard.schemaname = 'storage' and guard.tablename = 'objects' and guard.permissive = 'RESTRICTIVE'
                    and guard.policyname like 'dataset\\_files\\_anon\\_no\\_%' and policy.cmd in (guard.cmd, 'ALL')
            ) < case policy.cmd when 'ALL' then 4 else 1 end`,
        [bucket],
    );
    const settings = [
        ...(found.public ? ["it is public, and should be private"] : []),
        ...(found.bytes === limit
            ? []
            : [`it takes files of ${found.bytes ?? "any number of"} bytes, the table ${limit}`]),
        ...(list(found.types) === list(datasetMimeTypes)
            ? []
            : [`it takes ${list(found.types)}, and should take ${list(datasetMimeTypes)}`]),
    ];
    const openings = open.map(
        ({ name, roles }) => `the policy ${JSON.stringify(name)} on storage.objects opens it to ${roles}`,
    );
    return { settings, openings };
}
