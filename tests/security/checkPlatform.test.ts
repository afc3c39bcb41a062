import assert from "node:assert/strict";
import { signToken } from "../../local/storage/token.ts";
import { type Platform, startPlatform } from "../support/platform.ts";
import { makeProject, type Project } from "./project.ts";

/** What somebody could do to the rows' doors, how it is undone, and what is then said. */
const openDoors: readonly [fault: string, undo: string, said: string][] = [
    [
        "grant select on public.datasets to anon",
        "revoke select on public.datasets from anon",
        "a caller without a user reads: not refused",
    ],
    [
        "alter policy datasets_owner_read on public.datasets using (true)",
        "alter policy datasets_owner_read on public.datasets using (owner_id = (select auth.uid()))",
        "a stranger sees the owner's dataset",
    ],
    [
        "alter policy datasets_owner_insert on public.datasets with check (true)",
        "alter policy datasets_owner_insert on public.datasets with check (owner_id = (select auth.uid()))",
        "the owner adds one for a stranger: not refused",
    ],
    [
        "alter policy datasets_owner_insert on public.datasets with check (false)",
        "alter policy datasets_owner_insert on public.datasets with check (owner_id = (select auth.uid()))",
        "the owner adds a dataset: refused with ",
    ],
    [
        "alter policy datasets_owner_delete on public.datasets using (false)",
        "alter policy datasets_owner_delete on public.datasets using (owner_id = (select auth.uid()))",
        "the owner cannot remove a dataset",
    ],
];

const rowsCheck = "supabase-js: users read and write their own datasets only";

for (const major of [15, 17] as const) {
    describe(`npm run check, through REST and Auth (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let project: Project;
        let platform: Platform;
        let env: Readonly<Record<string, string | undefined>>;
        before(async () => {
            project = await makeProject(major);
            const jwtSecret = project.target.secrets[2] ?? "";
            platform = await startPlatform({
                database: project.target.cluster.adminUrl(),
                jwtSecret,
                storageUrl: project.target.environment.SUPABASE_URL ?? "",
            });
            // As for a project in the cloud: the keys are known, what signs them is not.
            env = {
                SUPABASE_URL: platform.url,
                SUPABASE_ANON_KEY: await signToken(jwtSecret, { role: "anon" }),
                SUPABASE_JWT_SECRET: undefined,
            };
        });
        after(async () => {
            await platform?.stop();
            await project?.stop();
        });

        const left = async () => {
            const { rows } = await project.target.admin.query<{ users: string; datasets: string; files: string }>(`
                select (select count(*) from auth.users) as users, (select count(*) from public.datasets) as datasets,
                    (select count(*) from storage.objects) as files`);
            return rows[0];
        };

        it("tries all of it with two throw-away users, and removes them", async () => {
            const before = await left();
            const { code, stdout, output } = await project.run("check", { env });
            assert.equal(code, 0, output);
            assert.deepEqual(
                stdout
                    .trim()
                    .split("\n")
                    .filter(line => !line.startsWith("ok ")),
                [],
            );
            assert.equal(stdout.match(/^ok {6}supabase-js: /gm)?.length, 2);
            assert.deepEqual(await left(), before);
        });

        // The check itself is the same on both.
        for (const [fault, undo, said] of major === 17 ? openDoors : []) {
            it(`fails after: ${fault}; and leaves nothing behind`, async () => {
                const before = await left();
                await project.target.admin.query(fault);
                try {
                    const { code, stdout } = await project.run("check", { env });
                    assert.equal(code, 1, stdout);
                    assert.ok(stdout.includes(`FAILED  ${rowsCheck}: ${said}`), stdout);
                    assert.deepEqual(await left(), before);
                } finally {
                    await project.target.admin.query(undo);
                }
            });
        }

        for (const [step, said] of [
            ["createUser", "Auth made no throw-away user: not today"],
            ["signIn", "Auth did not sign a throw-away user in: not today"],
        ] as const) {
            it(`calls nothing good that it could not try, when Auth refuses ${step}, and leaves no user`, async () => {
                const before = await left();
                platform.refuse(step, "not today");
                try {
                    const { code, stdout } = await project.run("check", { env });
                    assert.equal(code, 0, stdout);
                    assert.ok(stdout.includes(`skipped ${rowsCheck}: ${said}`), stdout);
                    assert.deepEqual(await left(), before);
                } finally {
                    platform.refuse(step, undefined);
                }
            });
        }

        it("names the users that Auth would not remove again", async () => {
            platform.refuse("deleteUser", "not today");
            try {
                const { code, stdout } = await project.run("check", { env });
                assert.equal(code, 1, stdout);
                const { rows } = await project.target.admin.query<{ email: string }>(
                    "select email from auth.users where email like 'simulation-db-check-%'",
                );
                assert.equal(rows.length, 4);
                for (const { email } of rows)
                    assert.ok(stdout.includes(`the user ${email} could not be removed: not today`), stdout);
            } finally {
                platform.refuse("deleteUser", undefined);
                await project.target.admin.query("delete from auth.users where email like 'simulation-db-check-%'");
            }
        });

        it("takes a key that is no key of the project for a failure", async () => {
            const wrong = "eyJhbGciOiJIUzI1NiJ9.a-key-that-is-refused.c2lnbmF0dXJl";
            const { code, stdout } = await project.run("check", { env: { ...env, SUPABASE_SERVICE_ROLE_KEY: wrong } });
            assert.equal(code, 1, stdout);
            assert.match(stdout, /^FAILED {2}the bucket is private/m);
        });
    });
}
