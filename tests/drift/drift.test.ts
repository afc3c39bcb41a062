import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { byPersons, type Drift, driftOf } from "../../preview/drift/drift.ts";
import { keepSeen, requireAsSeen, requireSameLedger } from "../../preview/drift/seen.ts";
import { readSnapshot } from "../../preview/drift/snapshot.ts";
import { lookAt } from "../../preview/look/look.ts";
import { takeSnapshot } from "../../runner/catalog/undo.ts";
import { compareChain } from "../../runner/ledger/chain.ts";
import { ensureLedger } from "../../runner/ledger/create.ts";
import { addRepairToLedger, readLedger } from "../../runner/ledger/ledger.ts";
import { UserError } from "../../runner/userError.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";

for (const major of [15, 17] as const) {
    describe(`the drift of a target (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let client: pg.Client;
        let admin: pg.Client;
        before(async () => {
            cluster = await testCluster({ major });
            client = await login(cluster.connection);
            admin = await login(cluster.adminUrl());
            await ensureLedger(client);
            await client.query(`
                create role dataset_service login;
                create role simulation_reader login;
                create table public.datasets (id uuid primary key, file_size bigint);
                create table public.notes (id bigint primary key, body text);
                alter table public.notes enable row level security;
                create policy notes_read on public.notes for select to authenticated using (id > 0);
                create policy files_read on storage.objects for select to authenticated using (bucket_id = 'notes');
                create function public.count_notes() returns bigint language sql set search_path = '' as 'select count(*) from public.notes'`);
            await takeSnapshot(client);
        });
        after(async () => {
            await client?.end();
            await admin?.end();
            await cluster?.stop();
        });

        async function login(config: pg.ClientConfig): Promise<pg.Client> {
            const session = new pg.Client(config);
            session.on("error", () => {});
            await session.connect();
            return session;
        }

        async function drift(environment: Record<string, string> = cluster.environment): Promise<Drift> {
            const all = { ...process.env, ...environment };
            return driftOf(await lookAt(all), await readSnapshot(all));
        }

        /** Makes a change, looks, and takes it back. */
        async function changed(session: pg.Client, change: string, back: string): Promise<Drift> {
            await session.query(change);
            try {
                return await drift();
            } finally {
                await session.query(back);
            }
        }

        it("is none right after a change of this tool", async () => {
            const { notChecked, entries, changes } = await drift();
            assert.deepEqual({ notChecked, entries, changes }, { notChecked: undefined, entries: [], changes: [] });
        });

        for (const [what, change, back, words] of [
            [
                "an index",
                "create index notes_body on public.notes (body)",
                "drop index public.notes_body",
                "+ index notes_body (body)",
            ],
            [
                "a column",
                "alter table public.notes add column more text",
                "alter table public.notes drop column more",
                "+ column more text",
            ],
            [
                "a policy that is gone",
                "drop policy notes_read on public.notes",
                "create policy notes_read on public.notes for select to authenticated using (id > 0)",
                "- policy notes_read: select to authenticated using (id > 0)",
            ],
            [
                "a grant",
                "revoke all on public.notes from anon; grant select on public.notes to dashboard_user",
                "revoke all on public.notes from dashboard_user; grant all on public.notes to anon",
                "+ dashboard_user may select",
            ],
            [
                "row level security",
                "alter table public.notes disable row level security",
                "alter table public.notes enable row level security",
                "~ row level security: on → off",
            ],
            [
                "a function's body",
                "create or replace function public.count_notes() returns bigint language sql set search_path = '' as 'select 0::bigint'",
                "create or replace function public.count_notes() returns bigint language sql set search_path = '' as 'select count(*) from public.notes'",
                "~ body",
            ],
            [
                "a policy on Storage's own table",
                "drop policy files_read on storage.objects",
                "create policy files_read on storage.objects for select to authenticated using (bucket_id = 'notes')",
                "- policy files_read: select to authenticated using (bucket_id = 'notes'::text)",
            ],
            [
                "a role's attribute",
                "alter role dashboard_user nocreatedb; create role guest",
                "alter role dashboard_user createdb; drop role guest",
                "",
            ],
        ] as const) {
            it(`names what a person changed, as it was and as it is: ${what}`, async () => {
                const found = await changed(admin, change, back);
                assert.notDeepEqual(byPersons(found), []);
                assert.ok(byPersons(found).every(({ expected, actual }) => expected !== actual));
                const details = found.changes.flatMap(({ details }) =>
                    details.map(detail => `${detail.sign} ${detail.words}`),
                );
                if (words !== "") assert.ok(details.includes(words), details.join("\n"));
            });
        }

        it("tells an upgrade of Supabase's own services apart from a person's change", async () => {
            const found = await changed(
                admin,
                `alter table auth.users add column upgraded_at timestamptz;
                 create table auth.upgrades (id bigint); grant all on auth.upgrades to dashboard_user, postgres;
                 alter table auth.upgrades enable row level security;
                 create index users_upgraded on auth.users (upgraded_at);
                 create or replace function auth.role() returns text language sql stable as 'select ''anon'''`,
                `drop table auth.upgrades; alter table auth.users drop column upgraded_at;`,
            );
            assert.deepEqual(byPersons(found), []);
            const objects = found.managed.map(({ sign, object }) => `${sign} ${object}`);
            assert.ok(objects.includes("+ table auth.upgrades"), objects.join("\n"));
            assert.ok(objects.includes("~ table auth.users"), objects.join("\n"));
        });

        it("passes over what the stack's own resources do", async () => {
            const found = await changed(
                client,
                `grant select on public.datasets to dataset_service, simulation_reader;
                 grant insert (id, file_size), update (file_size) on public.datasets to dataset_service;
                 alter default privileges in schema public grant select on tables to simulation_reader`,
                `alter default privileges in schema public revoke select on tables from simulation_reader;
                 revoke all on public.datasets from dataset_service, simulation_reader`,
            );
            assert.deepEqual(byPersons(found), []);
        });

        it("passes over a login for previews, made as documented", async () => {
            const found = await changed(
                client,
                "create role simulation_preview login connection limit 10; alter role simulation_preview set default_transaction_read_only = on",
                "drop role simulation_preview",
            );
            assert.deepEqual(byPersons(found), []);
        });

        for (const [given, back] of [
            ["grant dataset_service to authenticated", "revoke dataset_service from authenticated"],
            ["grant service_role to simulation_reader", "revoke service_role from simulation_reader"],
            ["alter role dataset_service bypassrls", "alter role dataset_service nobypassrls"],
            ["grant select on public.notes to dataset_service", "revoke all on public.notes from dataset_service"],
            [
                "grant update on public.datasets to dataset_service",
                "revoke all on public.datasets from dataset_service",
            ],
            [
                "grant update (id) on public.datasets to dataset_service",
                "revoke all on public.datasets from dataset_service",
            ],
            [
                "grant select on public.datasets to simulation_reader with grant option",
                "revoke all on public.datasets from simulation_reader",
            ],
            [
                "alter default privileges for role postgres in schema public grant insert on tables to simulation_reader",
                "alter default privileges for role postgres in schema public revoke insert on tables from simulation_reader",
            ],
            [
                "create role simulation_preview login; grant select on public.notes to simulation_preview",
                "drop owned by simulation_preview; drop role simulation_preview",
            ],
            ["create role simulation_preview login bypassrls", "drop role simulation_preview"],
        ] as const) {
            it(`names what a person gives to the stack's own roles, or of them to others: ${given}`, async () => {
                assert.notDeepEqual(byPersons(await changed(admin, given, back)), []);
            });
        }

        it("says that it is not known where the login may not read the ledger", async () => {
            await admin.query("create role looker login password 'look'");
            try {
                const { notChecked, entries } = await drift({
                    ...cluster.environment,
                    PGUSER: "looker",
                    PGPASSWORD: "look",
                });
                assert.match(notChecked ?? "", /^this login may not read the ledger/);
                assert.deepEqual(entries, []);
            } finally {
                await admin.query("drop role looker");
            }
        });

        it("is not claimed after an upgrade to another major version", async () => {
            const all = { ...process.env, ...cluster.environment };
            const found = driftOf({ ...(await lookAt(all)), major: 18 }, await readSnapshot(all));
            assert.match(found.notChecked ?? "", new RegExp(`of PostgreSQL ${major} and the server is 18 now`));
        });

        it("between a preview and its up stops the up", async () => {
            const folder = await mkdtemp(join(tmpdir(), "simulation-db-seen-"));
            const look = () => lookAt({ ...process.env, ...cluster.environment });
            try {
                await requireAsSeen(folder, await look());
                await keepSeen(folder, await look());
                await requireAsSeen(folder, await look());
                await client.query("drop policy files_read on storage.objects");
                const changed = await look();
                await client.query(
                    "create policy files_read on storage.objects for select to authenticated using (bucket_id = 'notes')",
                );
                await assert.rejects(requireAsSeen(folder, changed), UserError);
                await client.query("grant select on public.datasets to dataset_service");
                await requireAsSeen(folder, await look());
            } finally {
                await client.query("revoke all on public.datasets from dataset_service");
                await rm(folder, { recursive: true, force: true });
            }
        });

        it("is not looked for beside a run that commits between the look at the ledger and that at the catalog", async () => {
            const migration = {
                version: "0001",
                slug: "tags",
                up: "-- Makes public.tags.\ncreate table public.tags (id bigint primary key);\n",
                down: "drop table public.tags;\n",
                verify: "select id from public.tags limit 0;\n",
            };
            const look = () => lookAt({ ...process.env, ...cluster.environment });
            const chain = async () => compareChain([migration], await readLedger(client));
            const before = await chain();
            requireSameLedger(before, await look());
            await client.query(migration.up);
            await addRepairToLedger(client, migration, { stack: "dev", detail: "another run", say: () => {} });
            const meanwhile = await look();
            assert.throws(() => requireSameLedger(before, meanwhile), /^UserError: another run applied migrations/);
            requireSameLedger(await chain(), meanwhile);
        });
    });
}
