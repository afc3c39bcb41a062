import { randomUUID } from "node:crypto";
import type pg from "pg";
import { storageClient } from "./bucket.ts";
import { compareChain } from "./ledger/chain.ts";
import type { Environment } from "./database/connection.ts";
import { readLedger } from "./ledger/ledger.ts";
import { fileName, label, type Migration } from "./migration/migration.ts";
import { runFile } from "./database/sqlError.ts";
import { UserError } from "./userError.ts";

/**
 * Tries what an application will do, through SQL and through supabase-js: what must work works, and what must not is
 * refused. Everything in the database happens in transactions that are rolled back.
 *
 * @param say one line per check
 * @throws UserError with the number of checks that failed
 */
export async function checkStack(
    client: pg.Client,
    migrations: readonly Migration[],
    environment: Environment,
    say: (line: string) => void,
): Promise<void> {
    const checks: [string, () => Promise<void>][] = [
        ["all migrations are applied", () => requireAllApplied(client, migrations)],
        ["every verify.sql passes", () => runVerifies(client, migrations)],
        ["anon reaches no table", () => requireAnonRefused(client)],
        ["a user keeps a dataset that no other user sees", () => tryDataset(client)],
        ["the bucket is private and has the limit of the table", () => requireBucket(client, environment)],
    ];
    let failed = 0;
    for (const [promise, check] of checks) {
        try {
            await rolledBack(client, check);
            say(`ok      ${promise}`);
        } catch (error) {
            failed += 1;
            say(`FAILED  ${promise}: ${(error as Error).message}`);
        }
    }
    if (failed > 0) {
        throw new UserError(`${failed} of ${checks.length} checks failed.`, ["npm run preview shows what differs"]);
    }
}

async function rolledBack(client: pg.Client, work: () => Promise<void>): Promise<void> {
    await client.query("begin");
    try {
        await work();
    } finally {
        await client.query("rollback");
    }
}

async function requireAllApplied(client: pg.Client, migrations: readonly Migration[]): Promise<void> {
    const { pending, removed } = compareChain(migrations, await readLedger(client));
    if (pending.length === 0 && removed.length === 0) return;
    throw new UserError(
        `${pending.length} are pending (${pending.map(label).join(", ")}), ${removed.length} to roll back`,
    );
}

async function runVerifies(client: pg.Client, migrations: readonly Migration[]): Promise<void> {
    await client.query("set transaction read only");
    const found = new Map((await readLedger(client)).map(row => [row.version, row.found]));
    for (const migration of migrations) {
        await client.query("select set_config('simulation_db.found', $1, true)", [found.get(migration.version) ?? ""]);
        await runFile(client, migration.verify, fileName(migration, "verify"));
    }
}

async function requireAnonRefused(client: pg.Client): Promise<void> {
    for (const table of ["public.datasets", "public.simulation_runs"]) {
        await actAs(client, "anon");
        await requireRefusal(client, `select from ${table}`, "42501");
    }
}

async function tryDataset(client: pg.Client): Promise<void> {
    const [owner, stranger] = [randomUUID(), randomUUID()];
    for (const id of [owner, stranger]) await client.query("insert into auth.users (id) values ($1)", [id]);

    await actAs(client, "authenticated", owner);
    const insert = "insert into public.datasets (owner_id, name, file_path, file_type) values ($1, 'check', $2, 'csv')";
    await client.query(insert, [owner, `${owner}/check.csv`]);
    await requireCount(client, 1, "its owner");
    await requireRefusal(
        client,
        insert.replace("$1", `'${stranger}'`).replace("$2", `'${stranger}/check.csv'`),
        "42501",
    );

    await actAs(client, "authenticated", stranger);
    await requireCount(client, 0, "a stranger");
}

async function requireCount(client: pg.Client, expected: number, who: string): Promise<void> {
    const { rows } = await client.query<{ count: number }>("select count(*)::int as count from public.datasets");
    if (rows[0]?.count === expected) return;
    throw new UserError(`${who} sees ${rows[0]?.count} datasets instead of ${expected}`);
}

/** As PostgREST does for a request: the role, and the claims of the token. */
async function actAs(client: pg.Client, role: "anon" | "authenticated", user?: string): Promise<void> {
    await client.query("reset role");
    const claims = JSON.stringify({ role, ...(user ? { sub: user } : {}) });
    await client.query("select set_config('request.jwt.claims', $1, true)", [claims]);
    await client.query(`set local role ${role}`);
}

async function requireRefusal(client: pg.Client, sql: string, code: string): Promise<void> {
    await client.query("savepoint attempt");
    const error = await client.query(sql).then(
        () => undefined,
        (refused: pg.DatabaseError) => refused,
    );
    await client.query("rollback to savepoint attempt");
    if (error?.code === code) return;
    throw new UserError(`"${sql}" ${error ? `failed for another reason: ${error.message}` : "was not refused"}`);
}

async function requireBucket(client: pg.Client, environment: Environment): Promise<void> {
    const { rows } = await client.query<{ name: string; limit: number }>(
        `select bucket_id as name, max_bytes::float8 as "limit" from simulation_private.dataset_bucket`,
    );
    const { name = "", limit } = rows[0] ?? {};
    const { data, error } = await (await storageClient(environment)).storage.getBucket(name);
    if (error) throw new UserError(`Storage said "${error.message}" of the bucket ${name}`);
    if (data.public) throw new UserError(`the bucket ${name} is public`);
    if (data.file_size_limit !== limit) {
        throw new UserError(`the bucket ${name} takes files of ${data.file_size_limit} bytes, the table ${limit}`);
    }
    const publicly = await fetch(`${environment.SUPABASE_URL}/storage/v1/object/public/${name}/check.csv`);
    if (publicly.ok) throw new UserError(`the bucket ${name} answers without a token`);
}
