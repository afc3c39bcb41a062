import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type Ground, grounds, makeGround, titleOf } from "./ground.ts";
import { sqlFolder } from "./own.ts";
import { ada, scene, serviceRole } from "./scene.ts";

interface Obstacle {
    readonly object: string;
    readonly problem: string;
    readonly remedy: string;
}

const preconditions = await readFile(join(sqlFolder, "preconditions.sql"), "utf8");

/** What is told of a column without the plan's default, which stands in nobody's way. */
const undefaulted = (column: string, is: string, has = "without a default") =>
    `warning: column public.simulation_runs.${column} is there already ${has}, which stays: a new run that leaves it out is not ${is}`;

/** What is told where completed_at is there, and started_at comes. */
const startsNow =
    "warning: column public.simulation_runs.started_at is not there, and completed_at is: it comes with the default now(), and a new run that is sent with an end before that would be refused";

/** What stands in the way, one line each, read in a transaction that may write nothing. */
async function obstacles(client: pg.Client): Promise<string[]> {
    await client.query("begin read only");
    try {
        const { rows } = await client.query<Obstacle>(preconditions);
        for (const { remedy } of rows) assert.ok(remedy);
        return rows.map(({ object, problem }) => `${object} ${problem}`);
    } finally {
        await client.query("rollback");
    }
}

describe("preconditions", function () {
    this.timeout(120_000);

    for (const kind of grounds) {
        it(`nothing stands in the way on a Supabase project with the stack's roles (${titleOf(kind)})`, async () => {
            const ground = await makeGround(kind);
            try {
                const own =
                    kind.simulationRuns === "extended"
                        ? [
                              undefaulted("started_at", "dated"),
                              undefaulted("status", "running"),
                              undefaulted("updated_at", "dated"),
                          ]
                        : [];
                assert.deepEqual(await obstacles(ground.postgres), own);
            } finally {
                await ground.stop();
            }
        });
    }

    describe("on a database without anything", () => {
        let cluster: TestCluster;
        before(async () => {
            cluster = await testCluster({ major: 15 });
        });
        after(() => cluster?.stop());

        it("everything that is missing is named at once", async () => {
            const admin = new pg.Client(cluster.adminUrl());
            await admin.connect();
            await admin.query("create database empty template template0");
            await admin.end();
            const client = new pg.Client(cluster.adminUrl("empty"));
            await client.connect();
            try {
                assert.deepEqual(await obstacles(client), [
                    "function auth.uid() is missing",
                    "function storage.foldername(text) is missing",
                    "role dataset_service is missing",
                    "role simulation_reader is missing",
                    "table auth.users is missing",
                    "table public.model_registry is missing",
                    "table public.organization_members is missing",
                    "table public.organizations is missing",
                    "table public.profiles is missing",
                    "table public.simulation_runs is missing",
                    "table storage.buckets is missing",
                    "table storage.objects is missing",
                ]);
            } finally {
                await client.end();
            }
        });
    });

    it("ids from a sequence that is closed are named, and runs start once it is granted", async () => {
        const ground = await makeGround({ major: 17, defaultPrivileges: "closed", simulationRuns: "bare" });
        try {
            // What the defaults of such a project leave on a new sequence, update, is enough to take a number.
            await ground.postgres.query(
                "alter table public.simulation_runs drop column id, add column id bigserial primary key",
            );
            assert.deepEqual(await obstacles(ground.postgres), []);
            await ground.postgres.query(
                "revoke all on sequence public.simulation_runs_id_seq from authenticated, service_role",
            );
            assert.deepEqual(await obstacles(ground.postgres), [
                "column public.simulation_runs.id takes its default from the sequence public.simulation_runs_id_seq, which authenticated, service_role may not use: a new run of theirs that leaves it out would be refused",
            ]);
            const { rows } = await ground.postgres.query<Obstacle>(preconditions);
            await ground.postgres.query(rows[0]?.remedy ?? "");
            assert.deepEqual(await obstacles(ground.postgres), []);
            await ground.up();
            await scene(ground, async say => {
                const start = "insert into public.simulation_runs (user_id, name) values ($1, 'Mine')";
                assert.equal((await say(ada, start, [ada.sub])).rowCount, 1);
                assert.equal((await say(serviceRole, start, [ada.sub])).rowCount, 1);
            });
        } finally {
            await ground.stop();
        }
    });

    describe("on a project that differs", () => {
        let ground: Ground;
        before(async () => {
            ground = await makeGround({ major: 17, defaultPrivileges: "open", simulationRuns: "bare" });
        });
        after(() => ground?.stop());

        /** What stands in the way after a change, which is then taken back. */
        const afterChange = async (change: string) => {
            await ground.admin.query("begin; set local search_path = public");
            try {
                await ground.admin.query(change);
                const { rows } = await ground.admin.query<Obstacle>(preconditions);
                return rows.map(({ object, problem }) => `${object} ${problem}`);
            } finally {
                await ground.admin.query("rollback");
            }
        };

        const cases: [what: string, change: string, obstacles: string[]][] = [
            ["a table datasets", "create table public.datasets (id uuid)", ["table public.datasets is there already"]],
            [
                "a function handle_updated_at with other arguments",
                "create function public.handle_updated_at(text) returns integer language sql as 'select 1'",
                ["function public.handle_updated_at(text) is there already, and other triggers may use it"],
            ],
            [
                "a schema of the private name",
                "create schema simulation_private",
                ["schema simulation_private is there already"],
            ],
            [
                "planned columns of other types",
                "alter table public.simulation_runs add column status integer, add column config_json json, add column execution_time_ms bigint",
                [
                    "column public.simulation_runs.config_json is there already with the type json, not jsonb",
                    "column public.simulation_runs.execution_time_ms is there already with the type bigint, not integer",
                    "column public.simulation_runs.status is there already with the type integer, not text",
                    undefaulted("status", "running"),
                ],
            ],
            [
                "a required user_id that goes with its user",
                `delete from public.simulation_runs;
                 alter table public.simulation_runs add column user_id uuid not null references auth.users on delete cascade`,
                [
                    "column public.simulation_runs.user_id is there already and required, so what it refers to could not be deleted",
                    "constraint simulation_runs_user_id_fkey on public.simulation_runs is there already, or another object has its name",
                    "constraint simulation_runs_user_id_fkey on public.simulation_runs says otherwise than the plan what becomes of a run when its user is deleted: FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE",
                ],
            ],
            [
                "runs that go with the profile of their user",
                `alter table public.simulation_runs
                     add column user_id uuid constraint runs_of_profile references public.profiles on delete cascade`,
                [
                    "constraint runs_of_profile on public.simulation_runs says otherwise than the plan what becomes of a run when its user is deleted: FOREIGN KEY (user_id) REFERENCES profiles(id) ON DELETE CASCADE",
                ],
            ],
            [
                "runs that keep the profile of their user",
                "alter table public.simulation_runs add column user_id uuid constraint runs_of_profile references public.profiles",
                [
                    "constraint runs_of_profile on public.simulation_runs says otherwise than the plan what becomes of a run when its user is deleted: FOREIGN KEY (user_id) REFERENCES profiles(id)",
                ],
            ],
            [
                "defaults with which a new run would be refused",
                `alter table public.simulation_runs
                     add column status text, add column completed_at timestamptz, add column execution_time_ms integer;
                 alter table public.simulation_runs
                     alter column status set default 'queued', alter column completed_at set default now(),
                     alter column execution_time_ms set default 0`,
                [
                    "column public.simulation_runs.completed_at is there already with the default now(): a new run that is running and leaves it out would be refused",
                    "column public.simulation_runs.execution_time_ms is there already with the default 0: a new run that is running and leaves it out would be refused",
                    "column public.simulation_runs.status is there already with the default 'queued'::text: a new run that leaves it out would be refused",
                    startsNow,
                ],
            ],
            [
                "an end and a duration without the status that they are about",
                "alter table public.simulation_runs add column completed_at timestamptz, add column execution_time_ms integer",
                [
                    "column public.simulation_runs.completed_at is there already, and status is not: a new run would be running, and refused with a value in completed_at",
                    "column public.simulation_runs.execution_time_ms is there already, and status is not: a new run would be running, and refused with a value in execution_time_ms",
                    startsNow,
                ],
            ],
            [
                "ids from a sequence that users may not use",
                `set local role postgres;
                 create sequence public.run_numbers;
                 alter table public.simulation_runs add column number bigint default nextval('public.run_numbers');
                 revoke all on sequence public.run_numbers from authenticated`,
                [
                    "column public.simulation_runs.number takes its default from the sequence public.run_numbers, which authenticated may not use: a new run of theirs that leaves it out would be refused",
                ],
            ],
            [
                "a check that allows fewer statuses",
                "alter table public.simulation_runs add column status text check (status in ('running', 'done'))",
                [
                    "constraint simulation_runs_status_check on public.simulation_runs does not allow every status of the plan: CHECK ((status = ANY (ARRAY['running'::text, 'done'::text])))",
                    undefaulted("status", "running"),
                ],
            ],
            [
                "a check that allows more statuses",
                `alter table public.simulation_runs
                     add column status text default 'running',
                     add constraint simulation_runs_status_check
                         check (status is not null and status in ('running', 'completed', 'failed', 'cancelled', 'queued')) not valid`,
                [
                    "constraint simulation_runs_status_check on public.simulation_runs allows a status that the migrations refuse: CHECK (((status IS NOT NULL) AND (status = ANY (ARRAY['running'::text, 'completed'::text, 'failed'::text, 'cancelled'::text, 'queued'::text])))) NOT VALID",
                ],
            ],
            [
                "rows that the constraints would refuse",
                `alter table public.simulation_runs
                     add column status text, add column execution_time_ms integer, add column started_at timestamptz,
                     add column completed_at timestamptz, add column user_id uuid, add column dataset_id uuid,
                     add column error_message text, add column config_json jsonb, add column results_json jsonb;
                 update public.simulation_runs
                 set status = 'paused', execution_time_ms = -1, started_at = now(), completed_at = '2001-01-01',
                     user_id = gen_random_uuid(), dataset_id = gen_random_uuid(), error_message = repeat('x', 65537),
                     config_json = to_jsonb(repeat('x', 1048577));
                 update public.simulation_runs set results_json = to_jsonb(repeat('x', 16777217)) where name = 'Run 1'`,
                [
                    "table public.simulation_runs 1 rows have a results_json of more than 16 MiB",
                    "table public.simulation_runs 12 rows are completed before they started",
                    "table public.simulation_runs 12 rows have a completed_at but no final status",
                    "table public.simulation_runs 12 rows have a config_json of more than 1 MiB",
                    "table public.simulation_runs 12 rows have a dataset_id, though there is no table public.datasets yet",
                    "table public.simulation_runs 12 rows have a negative execution_time_ms",
                    "table public.simulation_runs 12 rows have a status other than running, completed, failed and cancelled",
                    "table public.simulation_runs 12 rows have a user_id that is nobody's in auth.users",
                    "table public.simulation_runs 12 rows have an error_message of more than 64 KiB",
                    "table public.simulation_runs 12 rows have an execution_time_ms but no final status",
                    undefaulted("started_at", "dated"),
                    undefaulted("status", "running"),
                ],
            ],
            [
                "an organization that is a number",
                "alter table public.simulation_runs drop column org_id cascade; alter table public.simulation_runs add column org_id bigint",
                ["column public.simulation_runs.org_id has the type bigint, not uuid"],
            ],
            [
                "columns that are missing",
                `alter table public.simulation_runs drop column created_at, drop column id;
                 alter table public.organization_members drop column status cascade`,
                [
                    "column public.organization_members.status is missing",
                    "column public.simulation_runs.created_at is missing",
                    "column public.simulation_runs.id is missing",
                ],
            ],
            [
                "another primary key",
                "alter table public.simulation_runs drop constraint simulation_runs_pkey, add primary key (org_id, id)",
                [
                    "column public.simulation_runs.org_id is part of the primary key, so it cannot become optional",
                    "table public.simulation_runs has no primary key of the one column id, by which rows are kept when a migration is rolled back",
                ],
            ],
            [
                "another owner",
                "alter table public.simulation_runs owner to supabase_admin",
                ["table public.simulation_runs belongs to supabase_admin, so postgres cannot alter it"],
            ],
            [
                "runs in partitions",
                `drop table public.simulation_runs;
                 create table public.simulation_runs (id uuid primary key, org_id uuid, created_at timestamptz) partition by hash (id);
                 alter table public.simulation_runs owner to postgres`,
                ["table public.simulation_runs is no plain table (it is a view, a partitioned or a foreign table)"],
            ],
            [
                "users that cannot be referred to",
                "revoke references on auth.users from postgres",
                ["table auth.users cannot be referenced by postgres"],
            ],
            [
                "names that are taken",
                `create index idx_sim_runs_status on public.simulation_runs (name);
                 create table public.idx_sim_runs_org_id ();
                 create policy simulation_runs_member_read on public.simulation_runs using (false);
                 create policy dataset_files_owner_read on storage.objects using (bucket_id = 'x');
                 create trigger handle_simulation_runs_updated_at before update on public.simulation_runs
                     for each row execute function suppress_redundant_updates_trigger()`,
                [
                    "index idx_sim_runs_org_id on public.simulation_runs is there already, or another object has its name",
                    "index idx_sim_runs_status on public.simulation_runs is there already, or another object has its name",
                    "policy dataset_files_owner_read on storage.objects is there already, or another object has its name",
                    "policy simulation_runs_member_read on public.simulation_runs is there already, or another object has its name",
                    "trigger handle_simulation_runs_updated_at on public.simulation_runs is there already, or another object has its name",
                ],
            ],
            [
                "columns that users may read or change one by one",
                `revoke select, update on public.simulation_runs from authenticated;
                 grant select (id, name), insert (name), update (name) on public.simulation_runs to authenticated`,
                [
                    "table public.simulation_runs lets authenticated select some of its columns only, and the migrations let it select all of them",
                    "table public.simulation_runs lets authenticated update some of its columns only, and the migrations let it update all of them",
                ],
            ],
            [
                "columns that everybody may change one by one",
                `revoke update on public.simulation_runs from authenticated;
                 grant update (name) on public.simulation_runs to public`,
                [
                    "table public.simulation_runs lets authenticated update some of its columns only, and the migrations let it update all of them",
                ],
            ],
        ];
        for (const [what, change, expected] of cases) {
            it(`${what}: named`, async () => {
                assert.deepEqual(await afterChange(change), expected);
            });
        }

        it("what fits is no obstacle: planned columns of the right types with good rows, a status that is an enum's, others' policies", async () => {
            const nothing = await afterChange(`
                alter table public.simulation_runs
                    add column status text default 'completed' check (status in ('running', 'completed', 'failed', 'cancelled')),
                    add constraint not_removed check (status <> 'removed' or status in ('running', 'completed', 'failed', 'cancelled')),
                    add column started_at timestamptz default now(), add column completed_at timestamptz default null, add column config_json jsonb,
                    add column execution_time_ms integer
                        generated always as (case when completed_at is not null then 1 end) stored,
                    add column user_id uuid references auth.users on delete set null;
                update public.simulation_runs set config_json = to_jsonb(repeat('x', 1048560));
                alter table public.simulation_runs rename constraint simulation_runs_user_id_fkey to ours;
                alter table public.simulation_runs
                    add constraint ours_too foreign key (user_id) references public.profiles on delete set null;
                alter table public.organization_members drop column status cascade;
                create type public.member_status as enum ('active', 'inactive');
                alter table public.organization_members add column status public.member_status not null default 'active';
                alter table public.simulation_runs alter column created_at type timestamp;
                create policy open on storage.objects for select using (true)`);
            assert.deepEqual(nothing, [undefaulted("status", "running", "with the default 'completed'::text")]);
        });

        it("the plan's defaults, however they are written, are not worth a warning", async () => {
            const nothing = await afterChange(`
                alter table public.simulation_runs
                    add column status text default 'running', add column started_at timestamptz default now(),
                    add column updated_at timestamptz default current_timestamp`);
            assert.deepEqual(nothing, []);
        });

        it("a login that may read catalogs only gets an answer too, without the counts of rows", async () => {
            await ground.admin.query("create role looker");
            const lines = await afterChange(`
                alter table public.simulation_runs add column status text default 'paused', add column config_json json;
                set local role looker`);
            assert.deepEqual(lines, [
                "column public.simulation_runs.config_json is there already with the type json, not jsonb",
                "column public.simulation_runs.status is there already with the default 'paused'::text: a new run that leaves it out would be refused",
            ]);
        });

        it("knows every name that the migrations give to what they add to older tables", async () => {
            const names = async () => {
                const { rows } = await ground.admin.query<{ name: string }>(`
                    select 'index ' || indrelid::regclass || ' ' || relname as name from pg_index join pg_class on pg_class.oid = indexrelid
                    union all select 'constraint ' || conrelid::regclass || ' ' || conname from pg_constraint where conrelid <> 0
                    union all select 'trigger ' || tgrelid::regclass || ' ' || tgname from pg_trigger where not tgisinternal
                    union all select 'policy ' || polrelid::regclass || ' ' || polname from pg_policy
                    union all select 'column ' || attrelid::regclass || ' ' || attname from pg_attribute where attnum > 0`);
                return new Set(rows.map(({ name }) => name));
            };
            const before = await names();
            await ground.up();
            const made = [...(await names())].filter(name => !before.has(name));
            await ground.down();
            const older = made.filter(
                name =>
                    !/ (simulation_private\.|datasets )| pg_toast|^(index|column) (datasets|idx_)/.test(` ${name}`) &&
                    !/^\w+ (datasets|idx_|simulation_private|simulation_db|supabase_migrations|pg_toast)/.test(name),
            );
            for (const name of older) assert.match(preconditions, new RegExp(`'${name.split(" ").at(-1)}'`), name);
            assert.ok(older.length > 30);
        });
    });
});
