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

        it("makes users up with an email, and skips what it would need them for where a project wants more of them", async () => {
            const { admin } = project.target;
            const wants = (what: string, condition: string) => `
                create or replace function public.wants() returns trigger language plpgsql set search_path = '' as $$
                begin
                    if ${condition} then raise exception 'a user needs ${what}'; end if;
                    return new;
                end $$`;
            await admin.query(`${wants("an email", "new.email is null")};
                create trigger wants before insert on auth.users for each row execute function public.wants()`);
            try {
                const { code, stdout } = await project.run("check");
                assert.equal(code, 0, stdout);
                assert.match(stdout, /^ok {6}a user keeps a dataset/m);
                await admin.query(wants("a telephone", "new.phone is null"));
                assert.match(
                    (await project.run("check")).stdout,
                    /^skipped a user keeps a dataset .*: no user could be made up: a user needs a telephone$/m,
                );
            } finally {
                await admin.query("drop function public.wants() cascade");
            }
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

        it("says below a check what to do, and points at the preview only where that shows more", async () => {
            const { code, stdout, stderr } = await project.run("check", {
                env: { SUPABASE_SERVICE_ROLE_KEY: undefined },
            });
            assert.equal(code, 1, stdout);
            assert.match(stdout, /^FAILED {2}the bucket is private .* is not set: .*\n {8}→ export it in this shell/m);
            assert.equal(stderr, "3 of 11 checks failed.\n");
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
                    assert.match(
                        stderr,
                        /^[1-9] of 11 checks failed\.\n {2}→ where somebody changed the schema by hand, npm run preview/m,
                    );
                    assert.deepEqual(await counts(), before);
                } finally {
                    await project.target.admin.query(undo);
                }
            });
        }
    });
}

/** Runs of a project that has never heard of a name, and wants to know other things. */
const otherRuns = `
    delete from public.simulation_runs;
    create type public.run_kind as enum ('trial', 'real');
    alter table public.simulation_runs
        drop column id, add column id bigint generated by default as identity primary key, drop column name,
        add column model_id uuid not null references public.model_registry (id), add column kind public.run_kind not null,
        add column code varchar(5) not null, add column seed numeric(6, 2) not null, add column is_final boolean not null,
        add column due date not null, add column tags text[] not null, add column notes jsonb not null`;

describe("npm run check, where runs are otherwise than in the plan", function () {
    this.timeout(240_000);
    let project: Project;
    before(async () => {
        project = await makeProject(17, otherRuns);
    });
    after(() => project?.stop());

    const aboutRuns = async () => {
        const { code, stdout } = await project.run("check");
        assert.equal(code, 0, stdout);
        return stdout.split("\n").filter(line => /starts and finishes runs|an active member/.test(line));
    };

    it("makes up what a run needs, and leaves the id to the project", async () => {
        assert.deepEqual(await aboutRuns(), [
            "ok      a user starts and finishes runs that no other user sees",
            "ok      an active member reaches the organization's runs, a former one does not",
        ]);
    });

    it("tries runs also where each has to be somebody's", async () => {
        const { admin } = project.target;
        await admin.query(
            "alter table public.simulation_runs add constraint somebodys check (user_id is not null or org_id is not null)",
        );
        try {
            assert.deepEqual(await aboutRuns(), [
                "ok      a user starts and finishes runs that no other user sees",
                "ok      an active member reaches the organization's runs, a former one does not",
            ]);
        } finally {
            await admin.query("alter table public.simulation_runs drop constraint somebodys");
        }
    });

    for (const [column, undo, why] of [
        [
            "add column place point not null",
            "drop column place",
            "public.simulation_runs.place is required, and no value of the type point can be made up",
        ],
        [
            "alter column id drop identity",
            "alter column id add generated by default as identity",
            "public.simulation_runs.id is required, and no value of the type bigint can be made up",
        ],
        [
            "add constraint seeds_are_large check (seed > 5)",
            "drop constraint seeds_are_large",
            'no run could be made up: new row for relation "simulation_runs" violates check constraint "seeds_are_large"',
        ],
    ] as const) {
        it(`calls nothing good or bad that it could not try: ${column}`, async () => {
            await project.target.admin.query(`alter table public.simulation_runs ${column}`);
            try {
                assert.deepEqual(await aboutRuns(), [
                    `skipped a user starts and finishes runs that no other user sees: ${why}`,
                    `skipped an active member reaches the organization's runs, a former one does not: ${why}`,
                ]);
            } finally {
                await project.target.admin.query(`alter table public.simulation_runs ${undo}`);
            }
        });
    }
});
