import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { driftOf } from "../../preview/drift/drift.ts";
import { readSnapshot } from "../../preview/drift/snapshot.ts";
import { present, type Presentation } from "../../preview/report/presentation.ts";
import { rehearse } from "../../preview/trial/rehearsal.ts";
import { roleNames } from "../../runner/applicationRoles.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { makeGround } from "../sql/ground.ts";
import { outcomeOf, ownEnvironment } from "../support/engine.ts";

const root = dirname(dirname(import.meta.dirname));

/** What the documentation shows, made by the code that a preview runs. */
export interface Shown {
    /** Of what is pending. */
    readonly preview: Presentation;
    /** What `npm run destroy -- --preview` prints. */
    readonly destroy: string;
    /** Removes the reports. */
    remove(): Promise<void>;
}

/** 20,000 files and 60,000 runs of the users that the local database is born with; the same bytes each time. */
const rows = `
    insert into public.datasets (id, owner_id, name, file_path, file_size, file_type, row_count, column_count, description)
    select md5('dataset ' || n)::uuid, u.id, 'Survey ' || n, u.id || '/survey-' || n || '.csv', 1000 + n, 'csv', n, 12, 'Answers of the ' || n || 'th survey'
    from generate_series(1, 20000) as n
    inner join (select id, row_number() over (order by id) - 1 as place, count(*) over () as people from auth.users) as u
        on u.place = n % u.people;
    insert into public.simulation_runs (id, org_id, name, status, config_json)
    select md5('run ' || n)::uuid, (select id from public.organizations order by id limit 1), 'Run ' || n, 'running', jsonb_build_object('seed', n, 'steps', 1000)
    from generate_series(1, 60000) as n;
    analyze`;

/** What comes after the plan: a migration that no gate lets pass, and one that nothing is to be said of. */
const pending: readonly Migration[] = [
    {
        version: "0032",
        slug: "open_datasets",
        up: `-- Shows the datasets to everybody, without what nobody reads.
alter table public.datasets drop column description;
create index simulation_runs_name on public.simulation_runs (name);
grant select on table public.datasets to anon;
create policy datasets_for_everybody on public.datasets for select to anon using (true);
`,
        down: `drop policy datasets_for_everybody on public.datasets;
revoke select on table public.datasets from anon;
drop index public.simulation_runs_name;
`,
        verify: "select from public.datasets;\n",
    },
    {
        version: "0033",
        slug: "comparisons",
        up: `-- Keeps which two runs a person compares.
create table public.comparisons (
    id           uuid primary key default gen_random_uuid(),
    user_id      uuid not null references auth.users (id) on delete cascade,
    run_id       uuid not null references public.simulation_runs (id) on delete cascade,
    other_run_id uuid not null references public.simulation_runs (id) on delete cascade,
    created_at   timestamptz not null default now()
);
create index comparisons_user_id on public.comparisons (user_id);
create index comparisons_run_id on public.comparisons (run_id);
create index comparisons_other_run_id on public.comparisons (other_run_id);
alter table public.comparisons enable row level security;
revoke all on table public.comparisons from public, anon, authenticated, service_role;
grant select, insert, delete on table public.comparisons to authenticated;
create policy comparisons_owner on public.comparisons for all to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
`,
        down: "drop table public.comparisons;\n",
        verify: "select from public.comparisons;\n",
    },
];

/** Previews on a database like the local one, with all of the plan applied and rows in it. */
export async function shown(): Promise<Shown> {
    const folder = await mkdtemp(join(tmpdir(), "simulation-db-shown-"));
    const ground = await makeGround({ major: 15, defaultPrivileges: "open", simulationRuns: "bare" });
    try {
        // It would change sizes while they are looked at.
        await ground.admin.query("alter system set autovacuum = off");
        await ground.admin.query("select pg_reload_conf()");
        await ground.up();
        await ground.admin.query(rows);
        const environment = { ...ownEnvironment(), ...ground.environment };
        const rehearsal = await rehearse({
            environment,
            pending,
            toRollBack: [],
            stackRoles: roleNames,
            cacheFolder: join(folder, "cache"),
            say: () => {},
        });
        const preview = await present({
            stack: "simulation-db/dev",
            rehearsal,
            pending,
            toRollBack: [],
            drift: driftOf(rehearsal.look, await readSnapshot(environment)),
            settings: { exposedSchemas: [], maxLockMs: 1000 },
            gates: { gates: "default", requireVerified: false, drift: "warn" },
            folder: join(folder, "preview"),
        });
        return {
            preview,
            destroy: await destroyPreview(folder, environment),
            remove: () => rm(folder, { recursive: true, force: true }),
        };
    } catch (error) {
        await rm(folder, { recursive: true, force: true });
        throw error;
    } finally {
        await ground.stop();
    }
}

/** Runs the program behind `npm run destroy -- --preview`. */
async function destroyPreview(cwd: string, environment: NodeJS.ProcessEnv): Promise<string> {
    const child = spawn(process.execPath, [join(root, "preview/destroy.ts")], {
        cwd,
        env: { ...environment, SIMULATION_DB_STACK: "simulation-db/dev" },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: 120_000,
    });
    const { code, stdout, output } = await outcomeOf(child);
    if (code !== 0) throw new Error(`preview/destroy.ts ended with ${code}:\n${output}`);
    return stdout;
}
