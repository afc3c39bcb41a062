import pg from "pg";
import { testCluster } from "../../tests/support/cluster.ts";
import { migrate } from "../live/migrate.ts";

/** Users by how many organizations they are in. */
export type People = Readonly<Record<1 | 20 | 2000, string>>;

/** A run that the user of so many organizations started alone. */
export const runOf = (organizations: number) => `b1000000-0000-4000-8000-${String(organizations).padStart(12, "0")}`;
/** A run under no name of an organization that all three are in. */
export const commonRun = "b1000000-0000-4000-8000-999999999999";

export interface Measured {
    readonly version: string;
    readonly connection: pg.ClientConfig;
    /** Whom row level security does not bind. */
    readonly login: string;
    readonly people: People;
    stop(): Promise<void>;
}

const person = (organizations: number) => `a1000000-0000-4000-8000-${String(organizations).padStart(12, "0")}`;
const people: People = { 1: person(1), 20: person(20), 2000: person(2000) };

/**
 * A server with the project after all migrations, filled with so many datasets and runs, spread over so many
 * organizations and users, and three users with 200 runs and 200 datasets of their own. The caller stops it.
 */
export async function policiesGround(rows: number, organizations: number): Promise<Measured> {
    const cluster = await testCluster({ major: 15, settings: { max_wal_size: "8GB", jit: "off" } });
    const admin = new pg.Client(cluster.adminUrl());
    try {
        await admin.connect();
        await admin.query("set role postgres; create role dataset_service; create role simulation_reader; reset role");
        await migrate(cluster.environment, "up");
        // The baseline's own, older policies look memberships up row by row, and add to the ones that are measured.
        await admin.query(`
            drop policy "Active members read their organizations' runs" on public.simulation_runs;
            drop policy "Active members add runs to their organizations" on public.simulation_runs`);
        await fill(admin, rows, organizations);
        const { rows: versions } = await admin.query<{ server_version: string }>("show server_version");
        await admin.end();
        return {
            version: versions[0]?.server_version ?? "unknown",
            connection: cluster.connection,
            login: "postgres",
            people,
            stop: () => cluster.stop(),
        };
    } catch (error) {
        await admin.end().catch(() => {});
        await cluster.stop();
        throw error;
    }
}

async function fill(admin: pg.Client, rows: number, organizations: number): Promise<void> {
    // As a restore would: without triggers and foreign keys.
    await admin.query("set session_replication_role = replica");
    await admin.query("insert into auth.users (id) select md5('user ' || n)::uuid from generate_series(1, 10000) as n");
    for (const id of Object.values(people)) await admin.query("insert into auth.users (id) values ($1)", [id]);
    await admin.query(
        `insert into public.organizations (id, name, slug)
         select md5('organization ' || n)::uuid, n, n from generate_series(1, $1::integer) as n`,
        [organizations],
    );
    await admin.query(
        `insert into public.organization_members (org_id, user_id, status)
         select md5('organization ' || 1 + (n * 7 + k * 13) % $1::integer)::uuid, md5('user ' || n)::uuid, 'active'
         from generate_series(1, 10000) as n, generate_series(1, 3) as k on conflict do nothing`,
        [organizations],
    );
    for (const [count, id] of Object.entries(people)) {
        await admin.query(
            `insert into public.organization_members (org_id, user_id, status)
             select md5('organization ' || n)::uuid, $1, 'active' from generate_series(1, $2::integer) as n`,
            [id, Math.min(Number(count), organizations)],
        );
    }
    await admin.query(
        `insert into public.simulation_runs (org_id, user_id, name, status, created_at)
         select md5('organization ' || 1 + (random() * $2::integer)::integer % $2::integer)::uuid,
            case when n % 3 = 0 then md5('user ' || 1 + n % 10000)::uuid end, 'Run ' || n, 'completed',
            now() - random() * interval '2 years'
         from generate_series(1, $1::integer) as n`,
        [rows, organizations],
    );
    await admin.query(
        `insert into public.datasets (owner_id, name, file_path, file_type, created_at)
         select owner, 'Dataset ' || n, owner || '/' || n || '.csv', 'csv', now() - random() * interval '2 years'
         from generate_series(1, $1::integer) as n, md5('user ' || 1 + n % 10000) as hash, cast(hash as uuid) as owner`,
        [rows],
    );
    await admin.query(
        "insert into public.simulation_runs (id, org_id, name, status) values ($1, md5('organization 1')::uuid, 'Ours', 'completed')",
        [commonRun],
    );
    for (const [count, id] of Object.entries(people)) {
        await admin.query(
            `insert into public.simulation_runs (id, user_id, name, status, created_at)
             select case n when 1 then $2 else gen_random_uuid() end, $1, 'Mine ' || n, 'completed', now() - n * interval '1 day'
             from generate_series(1, 200) as n`,
            [id, runOf(Number(count))],
        );
        await admin.query(
            `insert into public.datasets (owner_id, name, file_path, file_type, created_at)
             select $1::uuid, 'Mine ' || n, $1 || '/' || n || '.csv', 'csv', now() - n * interval '1 day' from generate_series(1, 200) as n`,
            [id],
        );
    }
    await admin.query("vacuum (freeze, analyze)");
    // As in a table in use: a few rows of each page were changed since, so an index alone does not answer for it.
    for (const table of ["simulation_runs", "datasets"]) {
        await admin.query(`update public.${table} set name = name where random() < 0.05`);
        await admin.query(`analyze public.${table}`);
    }
    // Else the first who reads a page also writes it.
    await admin.query("checkpoint");
}
