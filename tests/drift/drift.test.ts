import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { byPersons, type Drift, driftOf } from "../../preview/drift/drift.ts";
import { keepSeen, requireAsSeen } from "../../preview/drift/seen.ts";
import { readSnapshot } from "../../preview/drift/snapshot.ts";
import { lookAt } from "../../preview/look/look.ts";
import { takeSnapshot } from "../../runner/catalog/undo.ts";
import { ensureLedger } from "../../runner/ledger/ledger.ts";
import { UserError } from "../../runner/userError.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";

const stackRoles = ["dataset_service"];

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
                create role dataset_service;
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
            return driftOf(await lookAt(all), await readSnapshot(all), stackRoles);
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

        it("passes over the grants that are the stack's own resources", async () => {
            const found = await changed(
                client,
                "grant select on public.notes to dataset_service",
                "revoke all on public.notes from dataset_service",
            );
            assert.deepEqual(byPersons(found), []);
        });

        it("says that it is not known where the login may not read the ledger", async () => {
            await admin.query("create role looker login password 'look'");
            try {
                const { notChecked, entries } = await drift({
                    ...cluster.environment,
                    PGUSER: "looker",
                    PGPASSWORD: "look",
                });
                assert.match(notChecked ?? "", /^drift not checked: this login may not read the ledger/);
                assert.deepEqual(entries, []);
            } finally {
                await admin.query("drop role looker");
            }
        });

        it("is not claimed after an upgrade to another major version", async () => {
            const all = { ...process.env, ...cluster.environment };
            const found = driftOf({ ...(await lookAt(all)), major: 18 }, await readSnapshot(all), []);
            assert.match(found.notChecked ?? "", new RegExp(`of PostgreSQL ${major} and the server is 18 now`));
        });

        it("between a preview and its up stops the up", async () => {
            const folder = await mkdtemp(join(tmpdir(), "simulation-db-seen-"));
            const look = () => lookAt({ ...process.env, ...cluster.environment });
            try {
                await requireAsSeen(folder, await look(), stackRoles);
                await keepSeen(folder, await look(), stackRoles);
                await requireAsSeen(folder, await look(), stackRoles);
                await client.query("drop policy files_read on storage.objects");
                const changed = await look();
                await client.query(
                    "create policy files_read on storage.objects for select to authenticated using (bucket_id = 'notes')",
                );
                await assert.rejects(requireAsSeen(folder, changed, stackRoles), UserError);
                await client.query("grant select on public.notes to dataset_service");
                await requireAsSeen(folder, await look(), stackRoles);
            } finally {
                await client.query("revoke all on public.notes from dataset_service");
                await rm(folder, { recursive: true, force: true });
            }
        });
    });
}
