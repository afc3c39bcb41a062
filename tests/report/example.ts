import { join } from "node:path";
import { driftOf } from "../../preview/drift/drift.ts";
import { readSnapshot } from "../../preview/drift/snapshot.ts";
import { present, type Presentation } from "../../preview/report/presentation.ts";
import { rehearse } from "../../preview/trial/rehearsal.ts";
import { decode, type Migration } from "../../runner/migration/migration.ts";
import type { TestCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

/** A small platform with rows, to make reports of. */
export interface Example {
    readonly project: SqlProject;
    /** What a preview says and writes when this is pending. */
    preview(pending: readonly Migration[]): Promise<Presentation>;
    /** The same when the applied migration `0002_ratings` is to be rolled back. */
    previewRollback(): Promise<Presentation>;
}

const platform = `
    create table public.datasets (
        id uuid primary key default gen_random_uuid(),
        owner_id uuid not null references auth.users (id) on delete cascade,
        name text not null,
        file_path text not null,
        created_at timestamptz not null default now()
    );
    create table public.simulation_runs (
        id bigint generated always as identity primary key,
        dataset_id uuid references public.datasets (id) on delete set null,
        status text not null default 'queued',
        parameters text
    );
    create table public.exports_2023 (id bigint primary key, dataset_id uuid references public.datasets (id), body text);
    alter table public.datasets enable row level security;
    alter table public.simulation_runs enable row level security;
    alter table public.exports_2023 enable row level security;
    create policy datasets_owner_read on public.datasets for select to authenticated using (owner_id = (select auth.uid()));
    create policy datasets_owner_insert on public.datasets for insert to authenticated with check (owner_id = (select auth.uid()));
    revoke all on public.datasets, public.simulation_runs, public.exports_2023 from anon, authenticated;
    grant select, insert on public.datasets to authenticated;`;

/** What Supabase has in every database, as far as the example needs it. */
const supabase = `
    create schema auth;
    create table auth.users (id uuid primary key);
    create function auth.uid() returns uuid language sql stable return nullif(current_setting('request.jwt.claim.sub', true), '')::uuid;
    grant usage on schema auth to authenticated;`;

const rows = `
    insert into public.simulation_runs (parameters) select repeat('x', 200) from generate_series(1, 100000);
    insert into public.exports_2023 (id, body) select n, repeat('y', 100) from generate_series(1, 2000) as n;
    insert into public.ratings (run_id, stars) select n, 1 + n % 5 from generate_series(1, 5000) as n;
    create index by_hand on public.exports_2023 (dataset_id);
    analyze`;

/** What is pending in the example: something harmless, something allowed, and what must not pass. */
export const pending: readonly Migration[] = [
    migration(
        "0003",
        "comparisons",
        `-- Keeps which runs a person compares.
create table public.comparisons (
    id bigint generated always as identity primary key,
    run_id bigint not null references public.simulation_runs (id) on delete cascade,
    other_run_id bigint not null references public.simulation_runs (id) on delete cascade,
    note text
);
alter table public.comparisons enable row level security;
revoke all on public.comparisons from anon, authenticated;
grant select, insert, delete on public.comparisons to authenticated;
create policy comparisons_read on public.comparisons for select to authenticated
    using (run_id in (select id from public.simulation_runs));`,
        "drop table public.comparisons;",
    ),
    migration(
        "0004",
        "run_index",
        "-- Finds the runs of a dataset quickly.\ncreate index simulation_runs_dataset on public.simulation_runs (dataset_id);\nalter table public.simulation_runs add column priority smallint not null default 0;",
        "alter table public.simulation_runs drop column priority;\ndrop index public.simulation_runs_dataset;",
    ),
    migration(
        "0005",
        "exports_gone",
        "-- Exports are files now.\n-- allow-destructive: copied to the bucket in March\ndrop table public.exports_2023;",
        "create table public.exports_2023 (id bigint primary key, dataset_id uuid, body text);",
    ),
    migration(
        "0006",
        "open_data",
        "-- Shows datasets to everybody.\ngrant select on public.datasets to anon;\nalter table public.datasets drop column file_path;\ncreate policy datasets_public on public.datasets for select to anon using (true);",
        "drop policy datasets_public on public.datasets;\nalter table public.datasets add column file_path text not null;\nrevoke select on public.datasets from anon;",
    ),
];

export function migration(version: string, slug: string, up: string, down: string): Migration {
    return { version, slug, up, down, verify: "select 1" };
}

/** The caller removes its project. */
export async function example(cluster: TestCluster): Promise<Example> {
    const project = await sqlProject(cluster, {
        "0001_platform": { up: `-- irreversible: the beginning\n${platform}`, down: "select 1;", verify: "select 1" },
        "0002_ratings": {
            up: "-- What people think of a run.\ncreate table public.ratings (run_id bigint references public.simulation_runs (id) on delete cascade, stars smallint);",
            down: "drop table public.ratings;",
            verify: "select from public.ratings",
        },
    });
    await project.client.query(supabase);
    await project.must("migrate up");
    await project.client.query(rows);
    const environment = { ...process.env, ...project.environment };
    const show = async (migrations: readonly Migration[], toRollBack: readonly Migration[]) => {
        const rehearsal = await rehearse({
            environment,
            pending: migrations,
            toRollBack,
            cacheFolder: join(project.folder, "cache"),
            say: () => {},
        });
        return await present({
            stack: "simulation-db/staging",
            rehearsal,
            pending: migrations,
            toRollBack,
            drift: driftOf(rehearsal.look, await readSnapshot(environment)),
            settings: { exposedSchemas: [], maxLockMs: 1000 },
            gates: { gates: "default", requireVerified: false, drift: "warn" },
            folder: join(project.folder, "preview"),
        });
    };
    return {
        project,
        preview: migrations => show(migrations, []),
        previewRollback: () => show([], [{ ...decode(project.stdin("0002")), slug: "ratings" }]),
    };
}
