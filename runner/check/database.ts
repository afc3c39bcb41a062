import { randomUUID } from "node:crypto";
import type pg from "pg";
import { roleNames } from "../applicationRoles.ts";
import { requireBucketSetting } from "../bucket.ts";
import { actAs, type Person, requireRefusal, requireRows, Skipped } from "./attempts.ts";
import { insertOfRun } from "./sampleRun.ts";

const anon: Person = { role: "anon" };

/** anon reaches none of our tables, and nothing that is made after them. */
export async function requireAnonRefused(client: pg.Client): Promise<void> {
    await client.query(`
        create table public.simulation_db_check (id integer);
        create function public.simulation_db_check() returns integer language sql as 'select 1'`);
    await actAs(client, anon);
    for (const table of ["public.datasets", "public.simulation_runs", "public.simulation_db_check"]) {
        for (const sql of [`select from ${table}`, `delete from ${table}`, `truncate ${table} cascade`])
            await requireRefusal(client, sql);
    }
    await requireRefusal(client, "select public.simulation_db_check()");
    await requireRefusal(client, "table simulation_private.dataset_bucket");
}

/** A dataset is its owner's: nobody else sees, changes or deletes it, or makes one in the owner's name. */
export async function tryDataset(client: pg.Client): Promise<void> {
    const [owner, stranger] = await twoUsers(client);
    const insert =
        "insert into public.datasets (owner_id, name, file_path, file_type, file_size) values ($1, 'check', $2, 'csv', $3)";
    const own = "select from public.datasets where owner_id = $1";
    const path = `${owner.sub}/check.csv`;

    await actAs(client, owner);
    await requireRows(client, 1, "its owner", insert, [owner.sub, path, 1]);
    await requireRows(client, 1, "its owner", own, [owner.sub]);
    await requireRows(client, 1, "its owner", "update public.datasets set name = 'checked' where owner_id = $1", [
        owner.sub,
    ]);
    await requireRefusal(client, insert, [stranger.sub, `${stranger.sub}/check.csv`, 1]);
    await requireRefusal(client, insert, [owner.sub, `${stranger.sub}/check.csv`, 1], ["23514"]);
    await requireRefusal(client, insert, [owner.sub, `${owner.sub}/large.csv`, "9000000000000000"], ["23514"]);

    await actAs(client, stranger);
    await requireRows(client, 0, "a stranger", own, [owner.sub]);
    await requireRows(client, 0, "a stranger", "update public.datasets set name = 'theirs' where owner_id = $1", [
        owner.sub,
    ]);
    await requireRows(client, 0, "a stranger", "delete from public.datasets where owner_id = $1", [owner.sub]);

    await actAs(client, { role: "service_role" });
    await requireRows(client, 1, "service_role", own, [owner.sub]);
    await actAs(client, owner);
    await requireRows(client, 1, "its owner", "delete from public.datasets where owner_id = $1", [owner.sub]);
}

/** A run of a user alone is that user's, on a dataset that the user can see. */
export async function tryRun(client: pg.Client): Promise<void> {
    const [owner, stranger] = await twoUsers(client);
    const dataset = await datasetOf(client, owner);
    const insert = await insertOfRun(client, { user_id: owner.sub, dataset_id: dataset });
    const own = "select from public.simulation_runs where user_id = $1";

    await actAs(client, owner);
    await requireRows(client, 1, "who started it", insert, [owner.sub, dataset]);
    await requireRows(client, 1, "who started it", own, [owner.sub]);
    await requireRefusal(client, insert, [stranger.sub, null]);
    await actAs(client, stranger);
    await requireRows(client, 0, "a stranger", own, [owner.sub]);
    await requireRefusal(client, insert, [stranger.sub, dataset]);
    await actAs(client, owner);
    const finish = "update public.simulation_runs set status = 'completed' where user_id = $1";
    await requireRows(client, 1, "who started it", finish, [owner.sub]);
}

/** An active member reaches the organization's runs, and no longer once the membership ends. */
export async function tryMember(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ org: string; member: string }>(
        "select org_id as org, user_id as member from public.organization_members where status = 'active' limit 1",
    );
    const [found] = rows;
    if (!found) throw new Skipped("organization_members has no active member to try it with");
    const member: Person & { sub: string } = { role: "authenticated", sub: found.member };
    const [outsider] = await twoUsers(client);
    const insert = await insertOfRun(client, { user_id: null, org_id: found.org });
    const run = "select from public.simulation_runs where id = $1";

    const { rows: started } = await client.query<{ id: unknown }>(`${insert} returning id`, [null, found.org]);
    const id = started[0]?.id;
    await actAs(client, member);
    await requireRows(client, 1, "a member", run, [id]);
    await requireRows(client, 1, "a member", insert, [member.sub, found.org]);
    await actAs(client, outsider);
    await requireRows(client, 0, "an outsider", run, [id]);
    await requireRefusal(client, insert, [outsider.sub, found.org]);

    await client.query("reset role");
    await client.query("delete from public.organization_members where org_id = $1 and user_id = $2", [
        found.org,
        member.sub,
    ]);
    await actAs(client, member);
    await requireRows(client, 0, "a former member", run, [id]);
    await requireRefusal(client, insert, [member.sub, found.org]);
}

/** The upload service describes datasets and deletes none, the reader reads. */
export async function tryServices(client: pg.Client): Promise<void> {
    const [owner] = await twoUsers(client);
    await datasetOf(client, owner);
    await client.query("reset role");
    // Whoever makes a role may grant it, but has not got it.
    await client.query(`grant ${roleNames.join(", ")} to current_user`);
    const own = "select from public.datasets where owner_id = $1";
    const describe = "update public.datasets set row_count = 1 where owner_id = $1";
    await actAs(client, { role: "dataset_service" });
    await requireRows(client, 1, "dataset_service", own, [owner.sub]);
    await requireRows(client, 1, "dataset_service", describe, [owner.sub]);
    await requireRefusal(client, "delete from public.datasets where owner_id = $1", [owner.sub]);
    await requireRefusal(client, "update public.datasets set owner_id = owner_id where owner_id = $1", [owner.sub]);
    await requireRefusal(client, "select from public.simulation_runs");
    await actAs(client, { role: "simulation_reader" });
    await requireRows(client, 1, "simulation_reader", own, [owner.sub]);
    await client.query("select from public.simulation_runs limit 1");
    await requireRefusal(client, describe, [owner.sub]);
    await requireRefusal(client, "delete from public.simulation_runs");
}

/** The policies on files, as Storage asks them. */
export async function tryFiles(client: pg.Client): Promise<void> {
    const [owner, stranger] = await twoUsers(client);
    const { bucket } = await requireBucketSetting(client);
    const insert = "insert into storage.objects (bucket_id, name) values ($1, $2)";
    const own = "select from storage.objects where bucket_id = $1 and name = $2";
    const path = `${owner.sub}/check.csv`;
    await actAs(client, owner);
    await requireRows(client, 1, "its owner", insert, [bucket, path]);
    await requireRows(client, 1, "its owner", own, [bucket, path]);
    await requireRefusal(client, insert, [bucket, `${owner.sub}/check.exe`]);
    await requireRefusal(client, insert, [bucket, `${owner.sub}/../${stranger.sub}/check.csv`]);
    await actAs(client, stranger);
    await requireRows(client, 0, "a stranger", own, [bucket, path]);
    await requireRefusal(client, insert, [bucket, `${owner.sub}/planted.csv`]);
    await actAs(client, anon);
    await requireRows(client, 0, "anon", own, [bucket, path]);
    await requireRefusal(client, insert, [bucket, path]);
}

type User = Person & { readonly sub: string };

/** Users for the length of the transaction; a project's own triggers may want more of one than is known here. */
async function twoUsers(client: pg.Client): Promise<readonly [User, User]> {
    const made = [randomUUID(), randomUUID()].map((sub): User => ({ role: "authenticated", sub }));
    await client.query("reset role");
    for (const { sub } of made) {
        const values = [sub, `simulation-db-check-${sub}@example.com`];
        await client.query("insert into auth.users (id, email) values ($1, $2)", values).catch((error: Error) => {
            throw new Skipped(`no user could be made up: ${error.message}`);
        });
    }
    return made as unknown as readonly [User, User];
}

async function datasetOf(client: pg.Client, owner: User): Promise<string | undefined> {
    await actAs(client, owner);
    const { rows } = await client.query<{ id: string }>(
        "insert into public.datasets (owner_id, name, file_path, file_type) values ($1, 'check', $2, 'csv') returning id",
        [owner.sub, `${owner.sub}/check.csv`],
    );
    return rows[0]?.id;
}
