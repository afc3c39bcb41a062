import type { SupabaseClient } from "@supabase/supabase-js";
import type pg from "pg";
import { requireBucketSetting, storageClient, storageRefused } from "../bucket.ts";
import type { Environment } from "../database/connection.ts";
import { datasetMimeTypes } from "../datasetFileTypes.ts";
import { UserError } from "../userError.ts";
import { Skipped } from "./attempts.ts";
import { type Answer, thenRemoved, type Visitors, withVisitors } from "./people.ts";

const csv = () => new Blob(["id\n1\n"], { type: "text/csv" });

/** The bucket as Storage describes it, and a public address that must not answer. */
export async function requireBucket(client: pg.Client, environment: Environment): Promise<void> {
    const { bucket: name, limit } = await requireBucketSetting(client);
    const { data, error } = await (await storageClient(environment)).storage.getBucket(name);
    if (error) throw storageRefused(`reading the bucket ${name}`, error);
    if (data.public) throw new UserError(`the bucket ${name} is public`);
    if (data.file_size_limit !== limit) {
        throw new UserError(`the bucket ${name} takes files of ${data.file_size_limit} bytes, the table ${limit}`);
    }
    const types = data.allowed_mime_types ?? ["all types"];
    if (types.toSorted().join() !== datasetMimeTypes.toSorted().join()) {
        throw new UserError(`the bucket ${name} takes ${types.join(", ")}`);
    }
    const publicly = await fetch(`${environment.SUPABASE_URL}/storage/v1/object/public/${name}/check.csv`);
    if (publicly.ok) throw new UserError(`the bucket ${name} answers without a token`);
}

/** What two users and a caller without a user can do with files, through supabase-js. Leaves nothing behind. */
export async function tryUploads(client: pg.Client, environment: Environment): Promise<void> {
    const { bucket: name } = await requireBucketSetting(client);
    const service = await storageClient(environment);
    const filesOf = (who: SupabaseClient) => who.storage.from(name);

    const use = async ({ owner, stranger, anon }: Visitors, [path, planted, wrong]: Paths) => {
        await works("the owner uploads", filesOf(owner.client).upload(path, csv()));
        await works("the owner downloads", filesOf(owner.client).download(path));
        await refused("a file of another kind", filesOf(owner.client).upload(wrong, csv()));
        for (const [who, visitor] of [
            ["a stranger", stranger.client],
            ["a caller without a user", anon],
        ] as const) {
            await refused(`${who} downloads`, filesOf(visitor).download(path));
            await refused(`${who} uploads into the owner's folder`, filesOf(visitor).upload(planted, csv()));
            const { data: listed } = await filesOf(visitor).list(owner.id);
            if ((listed ?? []).length > 0) throw new UserError(`${who} sees the owner's files`);
            await filesOf(visitor).remove([path]);
        }
        await works("the owner's file is still there", filesOf(owner.client).download(path));
        await works("the service downloads", filesOf(service).download(path));
        const { data: removed } = await filesOf(owner.client).remove([path]);
        if (removed?.length !== 1) throw new UserError("the owner cannot remove a file");
    };
    await withVisitors(service, environment, visitors => {
        const { id, client: owner } = visitors.owner;
        const paths: Paths = [`${id}/check.csv`, `${id}/planted.csv`, `${id}/check.exe`];
        const remove = async () => {
            const byService = await filesOf(service).remove([...paths]);
            // A key that is refused is what the check found: the folder's owner is there still.
            return byService.error ? await filesOf(owner).remove([...paths]) : byService;
        };
        return thenRemoved(() => use(visitors, paths), [[`files in ${name}/${id}`, remove]]);
    });
}

type Paths = readonly [path: string, planted: string, wrong: string];

/** What two users and a caller without a user can do with rows, through supabase-js. Leaves nothing behind. */
export async function tryRows(client: pg.Client, environment: Environment): Promise<void> {
    const service = await storageClient(environment);
    const { status } = await service.from("datasets").select("id").limit(0);
    if (status === 501) throw new Skipped("the local endpoint serves Storage only");
    const row = (id: string) => ({ owner_id: id, name: "check", file_path: `${id}/check.csv`, file_type: "csv" });

    const use = async ({ owner, stranger, anon }: Visitors) => {
        // Users that only a signature made are not in auth.users, which a row has to refer to.
        const { rows } = await client.query("select from auth.users where id = $1", [owner.id]);
        if (rows.length === 0)
            throw new Skipped("set SUPABASE_ANON_KEY and not SUPABASE_JWT_SECRET, so that Auth makes users");
        await works("the owner adds a dataset", owner.client.from("datasets").insert(row(owner.id)));
        await refused("the owner adds one for a stranger", owner.client.from("datasets").insert(row(stranger.id)));
        await refused("a caller without a user reads", anon.from("datasets").select("id"));
        const seen = await stranger.client.from("datasets").select("id").eq("owner_id", owner.id);
        if (seen.error || seen.data.length > 0) throw new UserError("a stranger sees the owner's dataset");
        await works("the owner removes it", owner.client.from("datasets").delete().eq("owner_id", owner.id));
        const { data: left } = await service.from("datasets").select("id").eq("owner_id", owner.id);
        if (left?.length !== 0) throw new UserError("the owner cannot remove a dataset");
    };
    await withVisitors(service, environment, visitors => {
        const ids = [visitors.owner.id, visitors.stranger.id];
        const remove = () => service.from("datasets").delete().in("owner_id", ids);
        return thenRemoved(() => use(visitors), [[`datasets of ${ids.join(" and ")}`, remove]]);
    });
}

async function works(what: string, answer: PromiseLike<Answer>): Promise<void> {
    const { error } = await answer;
    if (error) throw new UserError(`${what}: refused with "${error.message}"`);
}

async function refused(what: string, answer: PromiseLike<Answer>): Promise<void> {
    const { error } = await answer;
    if (!error) throw new UserError(`${what}: not refused`);
}
