import assert from "node:assert/strict";
import { type Ground, makeGround, opposites, titleOf } from "./ground.ts";

/** Makes the function that says which names of files are safe say something else. */
const namesSafe = (condition: string) =>
    `create or replace function simulation_private.is_safe_object_name(name text) returns boolean
     language sql immutable set search_path = '' as $$ select ${condition} $$`;

/** One way each to break what a migration made, and what its verify has to say then. */
const faults: readonly [version: string, sabotage: string, says: RegExp][] = [
    ["0001", "drop schema simulation_private cascade", /schema simulation_private is missing/],
    ["0001", "grant usage on schema simulation_private to anon", /open to anon/],
    [
        "0002",
        "alter default privileges for role postgres in schema public grant truncate on tables to anon",
        /TRUNCATE to anon/,
    ],
    ["0002", "alter default privileges for role postgres grant execute on functions to public", /execute to PUBLIC/],
    ["0003", "drop function public.handle_updated_at() cascade", /handle_updated_at\(\) is missing/],
    ["0003", "alter function public.handle_updated_at() reset search_path", /no fixed search_path/],
    ["0003", "grant execute on function public.handle_updated_at() to public", /can be called by anon, authenticated/],
    ["0004", "drop table simulation_private.dataset_bucket", /dataset_bucket is missing/],
    [
        "0004",
        "alter table simulation_private.dataset_bucket drop constraint dataset_bucket_one_row",
        /lacks the constraints dataset_bucket_one_row/,
    ],
    ["0004", "grant update on simulation_private.dataset_bucket to authenticated", /open to authenticated/],
    ["0004", "drop function simulation_private.dataset_bucket_id() cascade", /dataset_bucket_id\(\) is missing/],
    [
        "0004",
        "revoke execute on function simulation_private.dataset_bucket_id() from authenticated",
        /authenticated cannot execute/,
    ],
    [
        "0004",
        "alter function simulation_private.fits_dataset_bucket(jsonb) security invoker",
        /fits_dataset_bucket\(jsonb\) is not security definer/,
    ],
    [
        "0005",
        "drop function simulation_private.is_dataset_schema(jsonb, integer) cascade",
        /is_dataset_schema\(jsonb, integer\) is missing/,
    ],
    ["0005", "alter function simulation_private.is_safe_object_name(text) stable", /is not immutable/],
    [
        "0005",
        "revoke execute on function simulation_private.is_safe_object_name(text) from service_role",
        /cannot both execute/,
    ],
    ["0006", "drop table public.datasets cascade", /public\.datasets is missing/],
    ["0006", "alter table public.datasets drop column schema_json", /lacks or has otherwise: schema_json jsonb/],
    ["0006", "alter table public.datasets alter column owner_id drop not null", /owner_id uuid/],
    [
        "0006",
        "alter table public.datasets drop constraint datasets_file_path_safe",
        /constraints datasets_file_path_safe/,
    ],
    ["0006", "drop index public.idx_datasets_created_at", /indexes idx_datasets_created_at/],
    ["0006", "alter table public.datasets disable row level security", /row level security is off/],
    ["0006", "grant select on public.datasets to anon", /open to anon/],
    ["0006", "grant update on public.datasets to authenticated", /more than its privileges/],
    ["0006", "revoke select on public.datasets from authenticated", /lacks privileges/],
    [
        "0007",
        "drop trigger datasets_file_size_within_limit on public.datasets",
        /datasets_file_size_within_limit .* is missing/,
    ],
    ["0007", "alter table public.datasets disable trigger datasets_file_size_within_limit", /missing or disabled/],
    ["0008", "drop trigger handle_datasets_updated_at on public.datasets", /handle_datasets_updated_at .* is missing/],
    ["0009", "drop policy datasets_owner_delete on public.datasets", /policies datasets_owner_delete/],
    ["0009", "alter policy datasets_owner_read on public.datasets to public", /policies datasets_owner_read/],
    ["0010", "alter table public.simulation_runs drop column execution_time_ms", /execution_time_ms integer/],
    [
        "0010",
        "alter table public.simulation_runs alter column execution_time_ms type bigint",
        /execution_time_ms integer/,
    ],
    [
        "0011",
        "update public.simulation_runs set org_id = gen_random_uuid() where org_id is null; alter table public.simulation_runs alter column org_id set not null",
        /still required/,
    ],
    ["0012", "drop index public.idx_sim_runs_org_id", /indexes idx_sim_runs_org_id/],
    [
        "0012",
        "drop index public.idx_sim_runs_status; create index idx_sim_runs_status on public.simulation_runs (id)",
        /indexes idx_sim_runs_status/,
    ],
    [
        "0012",
        "update pg_index set indisvalid = false where indexrelid = 'public.idx_sim_runs_status'::regclass",
        /indexes idx_sim_runs_status/,
    ],
    ["0013", "drop index public.idx_organization_members_active", /idx_organization_members_active .* is missing/],
    [
        "0014",
        "alter table public.simulation_runs drop constraint simulation_runs_config_size",
        /checks simulation_runs_config_size/,
    ],
    [
        "0015",
        "alter table public.simulation_runs drop constraint simulation_runs_user_id_fkey",
        /foreign keys simulation_runs_user_id_fkey/,
    ],
    [
        "0016",
        `alter table public.simulation_runs drop constraint simulation_runs_status_known;
         alter table public.simulation_runs add constraint simulation_runs_status_known check (status <> '') not valid`,
        /has not validated simulation_runs_status_known/,
    ],
    ["0017", "drop view simulation_private.active_organizations cascade", /active_organizations is missing/],
    ["0017", "alter view simulation_private.active_organizations set (security_invoker = true)", /is bound by/],
    ["0017", "alter view simulation_private.active_organizations set (security_invoker = yes)", /is bound by/],
    ["0017", "alter view simulation_private.active_organizations owner to supabase_auth_admin", /is bound by/],
    [
        "0017",
        "revoke select on simulation_private.active_organizations from authenticated",
        /authenticated cannot read/,
    ],
    ["0017", "grant select on simulation_private.active_organizations to anon", /open to more/],
    [
        "0018",
        "drop policy simulation_runs_honest_update on public.simulation_runs",
        /policies simulation_runs_honest_update/,
    ],
    ["0018", "alter table public.simulation_runs disable row level security", /row level security is off/],
    ["0018", "drop index public.idx_sim_runs_org_id", /no index that begins with org_id/],
    ["0019", "grant select (id) on public.simulation_runs to anon", /open to anon/],
    ["0019", "grant select on public.simulation_runs to public", /open to public/],
    ["0019", "grant truncate on public.simulation_runs to authenticated", /authenticated has TRUNCATE/],
    ["0019", "grant references (id) on public.simulation_runs to authenticated", /authenticated has REFERENCES/],
    ["0019", "revoke delete on public.simulation_runs from authenticated", /lacks select, insert, update or delete/],
    [
        "0020",
        "drop trigger handle_simulation_runs_updated_at on public.simulation_runs",
        /handle_simulation_runs_updated_at .* is missing/,
    ],
    [
        "0021",
        "drop trigger simulation_runs_identity_kept on public.simulation_runs",
        /missing or disabled: simulation_runs_identity_kept/,
    ],
    [
        "0021",
        "alter table public.simulation_runs disable trigger simulation_runs_status_kept",
        /missing or disabled: simulation_runs_status_kept/,
    ],
    [
        "0022",
        "drop policy simulation_runs_reader_read on public.simulation_runs",
        /services are missing: simulation_runs_reader_read/,
    ],
    [
        "0022",
        "revoke execute on function simulation_private.is_safe_object_name(text) from dataset_service",
        /dataset_service cannot execute/,
    ],
    ["0023", "drop policy dataset_files_owner_only_read on storage.objects", /policies dataset_files_owner_only_read/],
    ["0023", "alter table storage.objects disable row level security", /row level security is off/],
    ["0024", namesSafe("name !~ '[?#]'"), /takes a\/%2e%2e\/b\.csv/],
    ["0024", namesSafe("false"), /refuses an ordinary name/],
    ["0025", "drop policy dataset_files_anon_no_read on storage.objects", /policies dataset_files_anon_no_read/],
    ["0025", "revoke execute on function simulation_private.dataset_bucket_id() from anon", /anon cannot execute/],
    [
        "0026",
        "alter table public.simulation_runs disable trigger simulation_runs_dataset_seen",
        /simulation_runs_dataset_seen .* missing or disabled/,
    ],
    [
        "0026",
        "alter policy simulation_runs_honest_update on public.simulation_runs using (true)",
        /lets every old row through/,
    ],
    ["0027", "drop trigger simulation_runs_end_kept on public.simulation_runs", /simulation_runs_end_kept .* missing/],
    [
        "0028",
        "drop function simulation_private.give_run_status() cascade",
        /simulation_runs_status_given .* or its function is missing/,
    ],
    [
        "0029",
        `create or replace function simulation_private.give_run_status() returns trigger language plpgsql
         as 'begin new.status := ''running''; return new; end'`,
        /whether a run is new: give_run_status$/,
    ],
    [
        "0030",
        `drop trigger datasets_file_size_within_limit on public.datasets;
         create trigger datasets_file_size_within_limit before insert on public.datasets
             for each row execute function simulation_private.refuse_large_dataset()`,
        /fires before a row is written/,
    ],
    ["0031", "alter table public.datasets alter column owner_id drop default", /has not the caller as its default/],
];

for (const kind of opposites) {
    describe(`verify (${titleOf(kind)})`, function () {
        this.timeout(120_000);
        let ground: Ground;
        before(async () => {
            ground = await makeGround(kind);
            await ground.up();
        });
        after(() => ground?.stop());

        const verify = async (version: string) => {
            const migration = ground.migrations.find(one => one.version === version);
            assert.ok(migration, `there is no migration ${version}`);
            await ground.admin.query(migration.verify);
        };

        it("of each migration still passes when all are applied, in a session that may write nothing", async () => {
            await ground.postgres.query("set default_transaction_read_only = on");
            for (const { verify } of ground.migrations) await ground.postgres.query(verify);
        });

        it("of each migration is proven below to fail", () => {
            const proven = new Set(faults.map(([version]) => version));
            assert.deepEqual(
                ground.migrations.filter(({ version }) => !proven.has(version)),
                [],
            );
        });

        for (const [version, sabotage, says] of faults) {
            it(`${version} fails after: ${sabotage.split(";")[0]?.split("\n")[0]}`, async () => {
                await ground.admin.query("begin; set local allow_system_table_mods = on");
                try {
                    await ground.admin.query(sabotage);
                    await assert.rejects(verify(version), says);
                } finally {
                    await ground.admin.query("rollback");
                }
            });
        }
    });
}
