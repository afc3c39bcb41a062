import assert from "node:assert/strict";
import { datasetMimeTypes } from "../../runner/datasetFileTypes.ts";
import { anonReadsNothing, makeProject, type Project } from "./project.ts";

/** What somebody could do to a database after up, how it is undone, and the check that has to notice it. */
const faults: readonly [fault: string, undo: string, check: RegExp][] = [
    [
        "grant select on public.datasets to anon",
        "revoke select on public.datasets from anon",
        /^FAILED {2}anon reaches no table/m,
    ],
    [
        "alter default privileges for role postgres in schema public grant all on tables to anon",
        "alter default privileges for role postgres in schema public revoke all on tables from anon",
        /^FAILED {2}anon reaches no table/m,
    ],
    [
        "alter policy datasets_owner_read on public.datasets using (true)",
        "alter policy datasets_owner_read on public.datasets using (owner_id = (select auth.uid()))",
        /^FAILED {2}a user keeps a dataset/m,
    ],
    [
        "alter table public.simulation_runs disable row level security",
        "alter table public.simulation_runs enable row level security",
        /^FAILED {2}a user starts and finishes runs/m,
    ],
    [
        "alter view simulation_private.active_organizations set (security_invoker = true)",
        "alter view simulation_private.active_organizations reset (security_invoker)",
        /^FAILED {2}every verify\.sql passes/m,
    ],
    [
        "create policy all_runs on public.simulation_runs for select to authenticated using (org_id is not null)",
        "drop policy all_runs on public.simulation_runs",
        /^FAILED {2}an active member reaches/m,
    ],
    [
        "grant delete on public.datasets to dataset_service; create policy careless on public.datasets for delete to dataset_service using (true)",
        "revoke delete on public.datasets from dataset_service; drop policy careless on public.datasets",
        /^FAILED {2}the applications' roles/m,
    ],
    [
        "drop policy dataset_files_anon_no_read on storage.objects; create policy all_files on storage.objects for select to anon using (true)",
        `drop policy all_files on storage.objects; ${anonReadsNothing}`,
        /^FAILED {2}a user's folder in the bucket/m,
    ],
    [
        "update storage.buckets set public = true where id = 'datasets'",
        "update storage.buckets set public = false where id = 'datasets'",
        /^FAILED {2}the bucket is private .*is public/m,
    ],
    [
        "update storage.buckets set allowed_mime_types = '{text/plain}' where id = 'datasets'",
        `update storage.buckets set allowed_mime_types = '{${datasetMimeTypes.join(",")}}' where id = 'datasets'`,
        /^FAILED {2}supabase-js: users upload/m,
    ],
];

for (const major of [15, 17] as const) {
    describe(`npm run check (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let project: Project;
        before(async () => {
            project = await makeProject(major);
        });
        after(() => project?.stop());

        const counts = async () => {
            const { rows } = await project.target.admin.query(`
                select (select count(*) from auth.users) as users, (select count(*) from public.datasets) as datasets,
                    (select count(*) from public.simulation_runs) as runs, (select count(*) from storage.objects) as files,
                    (select count(*) from pg_class) as relations, (select count(*) from pg_auth_members) as memberships`);
            return rows;
        };

        it("passes after up, one line per check, and leaves nothing behind", async () => {
            const before = await counts();
            const { code, stdout } = await project.run("check");
            assert.equal(code, 0, stdout);
            const lines = stdout.trim().split("\n");
            assert.equal(lines.filter(line => line.startsWith("ok      ")).length, 10, stdout);
            // Rows through supabase-js need a project with the REST API.
            assert.deepEqual(
                lines.filter(line => !line.startsWith("ok ")),
                [
                    "skipped supabase-js: users read and write their own datasets only: the local endpoint serves Storage only",
                ],
            );
            assert.deepEqual(await counts(), before);
        });

        it("says what it could not try without a secret to sign tokens with, and does not call it good", async () => {
            const { code, stdout } = await project.run("check", { env: { SUPABASE_JWT_SECRET: undefined } });
            assert.equal(code, 0, stdout);
            assert.match(stdout, /^skipped supabase-js: users upload, .*: neither SUPABASE_JWT_SECRET nor/m);
        });

        it("leaves no file behind where the service's key is refused: the owner removes it", async () => {
            const before = await counts();
            const refused = "eyJhbGciOiJIUzI1NiJ9.a-key-that-storage-refuses.c2lnbmF0dXJl";
            const { code, stdout } = await project.run("check", { env: { SUPABASE_SERVICE_ROLE_KEY: refused } });
            assert.equal(code, 1, stdout);
            assert.match(stdout, /^FAILED {2}supabase-js: users upload, .*the service downloads/m);
            assert.deepEqual(await counts(), before);
        });

        // The check itself is the same on both.
        for (const [fault, undo, check] of major === 17 ? faults : []) {
            it(`fails after: ${fault.split(";")[0]}`, async () => {
                const before = await counts();
                await project.target.admin.query(fault);
                try {
                    const { code, stdout, stderr } = await project.run("check");
                    assert.equal(code, 1, stdout);
                    assert.match(stdout, check);
                    assert.match(stderr, /^[1-9] of 11 checks failed\.$/m);
                    assert.deepEqual(await counts(), before);
                } finally {
                    await project.target.admin.query(undo);
                }
            });
        }
    });
}
