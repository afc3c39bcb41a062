import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type Ground, makeGround, opposites, titleOf } from "../sql/ground.ts";
import { adviceOn, lints } from "../../preview/trial/advisors.ts";
import { stackGrants } from "./stage.ts";

/** A way to break each lint. */
const breaches: Readonly<Record<string, string>> = {
    unindexed_foreign_keys: "drop index public.idx_sim_runs_dataset_id",
    auth_rls_initplan: "alter policy datasets_owner_read on public.datasets using (owner_id = auth.uid())",
    no_primary_key: "create table simulation_private.careless (id integer)",
    multiple_permissive_policies:
        "create policy careless on public.datasets for select to authenticated using (name = '')",
    policy_exists_rls_disabled: "alter table public.datasets disable row level security",
    rls_disabled_in_public: "alter table public.simulation_runs disable row level security",
    rls_enabled_no_policy:
        "create table public.careless (id integer primary key); alter table public.careless enable row level security",
    duplicate_index: "create index careless on public.datasets (owner_id, created_at desc)",
    security_definer_view:
        "create view public.careless as table public.datasets; grant select on public.careless to authenticated",
    foreign_table_in_api:
        "create foreign data wrapper careless; create server careless foreign data wrapper careless; create foreign table public.careless (id integer) server careless; grant select on public.careless to authenticated",
    function_search_path_mutable: "alter function public.handle_updated_at() reset search_path",
    rls_references_user_metadata:
        "create policy careless on public.datasets for delete to simulation_reader using (auth.jwt() -> 'user_metadata' ->> 'role' = 'admin')",
    rls_policy_always_true: "alter policy datasets_owner_update on public.datasets with check (true)",
    security_definer_function_executable:
        "alter function public.handle_updated_at() security definer; grant execute on function public.handle_updated_at() to authenticated",
    public_bucket_allows_listing:
        "insert into storage.buckets (id, name, public) values ('open', 'open', true); create policy careless on storage.objects for select to anon using (bucket_id = 'open')",
};

for (const kind of opposites) {
    describe(`Supabase's advisors, written anew (${titleOf(kind)})`, function () {
        this.timeout(120_000);
        let ground: Ground;
        before(async () => {
            ground = await makeGround(kind);
            await ground.up();
            await ground.postgres.query(stackGrants);
            // The project's own policies add up with ours: two lints say so, of any project that has some.
            await ground.postgres.query(`
                drop policy "Active members read their organizations' runs" on public.simulation_runs;
                drop policy "Active members add runs to their organizations" on public.simulation_runs`);
        });
        after(() => ground?.stop());

        /** What the baseline's tables, which are the organization's, are found guilty of: not ours. */
        const ofOthers = /model_registry|organization|profiles/;

        it("find nothing in what the migrations and the stack make", async () => {
            const advice = await adviceOn(ground.postgres);
            assert.deepEqual(
                advice.filter(
                    ({ detail }) => !ofOthers.test(detail) || /^idx_organization_members_active/.test(detail),
                ),
                [],
            );
        });

        it("are proven below to find something", () => {
            assert.deepEqual(Object.keys(breaches), Object.keys(lints));
        });

        for (const [lint, breach] of Object.entries(breaches)) {
            it(`${lint} is found after: ${breach.split(";")[0]}`, async () => {
                const before = await adviceOn(ground.admin);
                await ground.admin.query("begin");
                try {
                    await ground.admin.query(breach);
                    const found = (await adviceOn(ground.admin)).filter(one => one.lint === lint);
                    assert.ok(found.length > before.filter(one => one.lint === lint).length);
                } finally {
                    await ground.admin.query("rollback");
                }
            });
        }

        it("name in words what several policies let through, and by whom", async () => {
            await ground.admin.query("begin");
            try {
                await ground.admin.query(breaches["multiple_permissive_policies"] ?? "");
                const found = (await adviceOn(ground.admin)).map(({ detail }) => detail);
                assert.ok(
                    found.some(detail => detail.startsWith("select by authenticated on datasets: ")),
                    found.join("\n"),
                );
            } finally {
                await ground.admin.query("rollback");
            }
        });

        // The Supabase CLI holds splinter's own text: `SPLINTER_SQL=lints.sql npm test -- tests/security`.
        it("as Supabase's own text, where SPLINTER_SQL names it, find nothing of level WARN or above in ours", async function () {
            const file = process.env.SPLINTER_SQL;
            if (file === undefined) this.skip();
            interface Finding {
                readonly name: string;
                readonly level: string;
                readonly detail: string;
            }
            await ground.postgres.query("begin; set local pgrst.db_schemas = 'public, graphql_public'");
            const result = (await ground.postgres.query(await readFile(file, "utf8"))) as unknown;
            await ground.postgres.query("rollback");
            const findings = [result].flat().flatMap(one => (one as { rows: Finding[] }).rows);
            assert.ok(findings.length > 0, "an embedded project has findings of level INFO");
            assert.deepEqual(
                findings.filter(({ level, detail }) => level !== "INFO" && !ofOthers.test(detail)),
                [],
            );
        });
    });
}
