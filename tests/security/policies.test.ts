import assert from "node:assert/strict";
import { type Ground, opposites, titleOf } from "../sql/ground.ts";
import { alan, northwind, postgres, type Say, scene } from "../sql/scene.ts";
import { makeStage } from "./stage.ts";

interface Policy {
    readonly name: string;
    readonly roles: string[];
    readonly verb: string;
    readonly qual: string | null;
    readonly check: string | null;
}

for (const kind of opposites) {
    describe(`policies (${titleOf(kind)})`, function () {
        this.timeout(120_000);
        let ground: Ground;
        before(async () => {
            ground = await makeStage(kind);
        });
        after(() => ground?.stop());

        it("are for one role and one verb each, and state what the verb can have: using, with check", async () => {
            const { rows } = await ground.postgres.query<Policy>(
                `select policyname as name, roles::text[] as roles, cmd as verb, qual, with_check as "check" from pg_policies
                 where policyname ~ '^(datasets|simulation_runs|dataset_files)_'`,
            );
            assert.equal(rows.length, 27);
            for (const { name, roles, verb, qual, check } of rows) {
                assert.equal(roles.length, 1, name);
                assert.notEqual(roles[0], "public", name);
                assert.notEqual(verb, "ALL", name);
                assert.equal(qual !== null, verb !== "INSERT", name);
                assert.equal(check !== null, verb === "INSERT" || verb === "UPDATE", name);
            }
        });

        const seen = async (say: Say) => (await say(alan, "select from public.simulation_runs")).rowCount;
        // The project's own policies ask organization_members as the caller, and are not what is looked at here.
        const withoutOthers = (play: (say: Say) => Promise<void>) =>
            scene(ground, async say => {
                await say(
                    postgres,
                    `drop policy "Active members read their organizations' runs" on public.simulation_runs;
                     drop policy "Active members add runs to their organizations" on public.simulation_runs`,
                );
                await play(say);
            });

        for (const [what, change] of [
            ["has none of its own", "alter table public.organization_members disable row level security"],
            [
                "lets nobody see a membership",
                `drop policy "Members read their own memberships" on public.organization_members`,
            ],
            [
                "asks for the runs of the caller, which would ask for the memberships",
                "create policy looks_back on public.organization_members for select to authenticated using (exists (select from public.simulation_runs as run where run.org_id = organization_members.org_id))",
            ],
            [
                "asks itself, which is refused as a recursion where it is asked",
                "create policy asks_itself on public.organization_members for select to authenticated using (exists (select from public.organization_members as other where other.user_id = (select auth.uid())))",
            ],
        ] as const) {
            it(`show a member the same runs when row level security of organization_members ${what}`, () =>
                withoutOthers(async say => {
                    assert.equal(await seen(say), 4);
                    await say(postgres, change);
                    assert.equal(await seen(say), 4);
                }));
        }

        for (const [what, change] of [
            ["is no longer active", "update public.organization_members set status = 'inactive'"],
            ["is removed", "delete from public.organization_members"],
        ] as const) {
            it(`show a member nothing of an organization from the moment the membership ${what}`, () =>
                withoutOthers(async say => {
                    await say(postgres, `${change} where user_id = $1 and org_id = $2`, [alan.sub, northwind]);
                    assert.equal(await seen(say), 1);
                }));
        }
    });
}
