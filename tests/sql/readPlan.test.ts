import assert from "node:assert/strict";
import { type Ground, makeGround } from "./ground.ts";
import { type Actor, ada, northwind, postgres, type Say, scene } from "./scene.ts";

interface Plan {
    readonly "Node Type": string;
    readonly "Parent Relationship"?: string;
    readonly "Relation Name"?: string;
    readonly "Index Name"?: string;
    readonly "Actual Loops": number;
    readonly Plans?: readonly Plan[];
}

for (const major of [15, 17] as const) {
    describe(`how the policies read (PostgreSQL ${major})`, function () {
        this.timeout(180_000);
        let ground: Ground;
        before(async () => {
            ground = await makeGround({ major, defaultPrivileges: "open", simulationRuns: "bare" });
            await ground.up();
            // The baseline's own, older policy looks memberships up row by row; the migrations' covers it.
            await ground.postgres.query(
                `drop policy "Active members read their organizations' runs" on public.simulation_runs`,
            );
            await ground.admin.query(`
                insert into auth.users (id) select md5('person ' || n)::uuid from generate_series(1, 2000) as n;
                insert into public.organizations (id, name, slug)
                    select md5(n::text)::uuid, n, n from generate_series(1, 1000) as n;
                insert into public.organization_members (user_id, org_id, status)
                    select '${ada.sub}', md5(n::text)::uuid, 'active' from generate_series(1, 5) as n;
                insert into public.organization_members (user_id, org_id, status)
                    select md5('person ' || n)::uuid, md5((1 + (n + k * 7) % 1000)::text)::uuid, 'active'
                    from generate_series(1, 2000) as n, generate_series(1, 10) as k;
                -- Many small organizations, and one that is large.
                insert into public.simulation_runs (org_id, name, created_at)
                    select md5((1 + n % 1000)::text)::uuid, n, now() - n * interval '1 minute' from generate_series(1, 40000) as n;
                insert into public.simulation_runs (org_id, name, created_at)
                    select '${northwind}', n, now() - n * interval '1 minute' from generate_series(1, 2000) as n;
                insert into public.datasets (owner_id, name, file_path, file_type, created_at)
                    select owner, n, owner || '/' || n || '.csv', 'csv', now() - n * interval '1 minute'
                    from generate_series(1, 5000) as n, md5('person ' || 1 + n % 100) as hash, cast(hash as uuid) as owner`);
            await ground.admin.query(
                "vacuum analyze public.simulation_runs, public.organization_members, public.datasets",
            );
        });
        after(() => ground?.stop());

        const nodesOf = async (say: Say, actor: Actor, sql: string): Promise<Plan[]> => {
            const { rows } = await say(actor, `explain (analyze, format json) ${sql}`);
            const walk = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(walk)];
            return walk(rows[0]["QUERY PLAN"][0].Plan);
        };
        const indexesOf = (nodes: Plan[]) => new Set(nodes.flatMap(node => node["Index Name"] ?? []));
        const scansAll = (nodes: Plan[], table: string) =>
            nodes.some(node => node["Node Type"].includes("Seq Scan") && node["Relation Name"] === table);

        it("a listing of runs uses the indexes on user and organization, and looks the memberships up once", () =>
            scene(ground, async say => {
                const nodes = await nodesOf(say, ada, "select * from public.simulation_runs");
                const needed = ["idx_sim_runs_user_id", "idx_sim_runs_org_id", "idx_organization_members_active"];
                assert.deepEqual(indexesOf(nodes), new Set(needed));
                assert.ok(!scansAll(nodes, "simulation_runs"));
                const lookups = nodes.filter(node => node["Parent Relationship"] === "InitPlan");
                assert.ok(lookups.length >= 2);
                for (const lookup of lookups) assert.equal(lookup["Actual Loops"], 1);
            }));

        it("without the index on organization, the array of the policy would be searched once per row of the table", () =>
            scene(ground, async say => {
                await say(postgres, "drop index public.idx_sim_runs_org_id");
                const nodes = await nodesOf(say, ada, "select * from public.simulation_runs");
                assert.ok(scansAll(nodes, "simulation_runs"));
            }));

        it("the latest runs of one organization come from its index", () =>
            scene(ground, async say => {
                const nodes = await nodesOf(
                    say,
                    ada,
                    `select * from public.simulation_runs where org_id = '${northwind}' order by created_at desc limit 50`,
                );
                assert.ok(indexesOf(nodes).has("idx_sim_runs_org_id"));
                assert.ok(!scansAll(nodes, "simulation_runs"));
            }));

        it("the latest datasets of an owner come in their order from the index", () =>
            scene(ground, async say => {
                const { rows } = await say(postgres, "select md5('person 1')::uuid as sub");
                const owner = { role: "authenticated", sub: rows[0].sub };
                const nodes = await nodesOf(
                    say,
                    owner,
                    "select * from public.datasets order by created_at desc limit 20",
                );
                assert.deepEqual(indexesOf(nodes), new Set(["idx_datasets_owner_id"]));
                assert.ok(nodes.every(node => node["Node Type"] !== "Sort"));
            }));

        it("the active organizations of a user are read from their index alone", () =>
            scene(ground, async say => {
                const nodes = await nodesOf(
                    say,
                    postgres,
                    `select org_id from public.organization_members where user_id = '${ada.sub}' and status = 'active'`,
                );
                assert.deepEqual(indexesOf(nodes), new Set(["idx_organization_members_active"]));
                assert.ok(nodes.some(node => node["Node Type"] === "Index Only Scan"));
            }));

        for (const [what, index, statement] of [
            ["a dataset", "idx_sim_runs_dataset_id", "delete from public.datasets where file_path like '%/7.csv'"],
            ["a user", "idx_sim_runs_user_id", "delete from auth.users where id = md5('person 3')::uuid"],
        ] as const) {
            it(`deleting ${what} does not read all runs for those that refer to it, thanks to ${index}`, () =>
                scene(ground, async say => {
                    // Foreign keys run queries of their own: only the count of scans shows them.
                    const fullScans = async () => {
                        const count = "select pg_stat_get_xact_numscans('public.simulation_runs'::regclass) as scans";
                        const before = (await say(postgres, count)).rows[0].scans;
                        await say(postgres, "savepoint before_deleting");
                        assert.equal((await say(postgres, statement)).rowCount, 1);
                        const after = (await say(postgres, count)).rows[0].scans;
                        await say(postgres, "rollback to savepoint before_deleting");
                        return after - before;
                    };
                    assert.equal(await fullScans(), 0);
                    await say(postgres, `drop index public.${index}`);
                    assert.equal(await fullScans(), 1);
                }));
        }
    });
}
