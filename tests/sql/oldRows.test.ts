import assert from "node:assert/strict";
import { type Ground, grounds, makeGround, titleOf } from "./ground.ts";
import { ada, scene } from "./scene.ts";

const added = [
    "dataset_id",
    "user_id",
    "config_json",
    "results_json",
    "status",
    "started_at",
    "completed_at",
    "error_message",
    "execution_time_ms",
    "updated_at",
];

for (const kind of grounds) {
    describe(`runs that are older than the migrations (${titleOf(kind)})`, function () {
        this.timeout(120_000);
        let ground: Ground;
        beforeEach(async () => {
            ground = await makeGround(kind);
        });
        afterEach(() => ground?.stop());

        const readRuns = async (): Promise<Record<string, unknown>[]> => {
            const { rows } = await ground.admin.query(
                "select to_jsonb(run) as run from public.simulation_runs as run order by id",
            );
            return rows.map(({ run }) => run);
        };

        it("keep what they have, and hold null in what is new: none becomes 'running'", async () => {
            const before = await readRuns();
            const extended = kind.simulationRuns === "extended";
            assert.equal(
                before.some(run => run.status === "completed" && run.started_at && run.updated_at),
                extended,
            );
            await ground.up();
            const empty = Object.fromEntries(added.map(name => [name, null]));
            assert.deepEqual(
                await readRuns(),
                before.map(run => ({ ...empty, ...run })),
            );
            await ground.down();
            assert.deepEqual(await readRuns(), before);
        });

        it("datasets whose path an address reads otherwise stop the rule until they have another", async () => {
            await ground.up("0023");
            const path = (name: string) => [`${ada.sub}/${name}.csv`];
            await ground.admin.query(
                `insert into public.datasets (owner_id, name, file_path, file_type) values ('${ada.sub}', 'Growth', $1, 'csv')`,
                path("growth 5%"),
            );
            await assert.rejects(ground.up(), /1 datasets have a file_path with one of % \? #/);
            await ground.admin.query("update public.datasets set file_path = $1", path("growth 5 percent"));
            await ground.up();
            await assert.rejects(ground.admin.query("update public.datasets set file_path = $1", path("a#b")), {
                constraint: "datasets_file_path_safe",
            });
        });

        it("new runs start as running now where the columns are ours, and as before where they are not", async () => {
            await ground.up();
            await scene(ground, async say => {
                const { rows } = await say(
                    ada,
                    `insert into public.simulation_runs (user_id, name) values ($1, 'New')
                     returning status, started_at = now() as started, updated_at = now() as updated, completed_at`,
                    [ada.sub],
                );
                const ours = { status: "running", started: true, updated: true, completed_at: null };
                const theirs = { status: null, started: null, updated: null, completed_at: null };
                assert.deepEqual(rows, [kind.simulationRuns === "extended" ? theirs : ours]);
            });
        });

        it("runs without an organization leave before org_id is required again, and come back with the next up", async () => {
            const names = async () => {
                const { rows } = await ground.postgres.query<{ name: string }>(
                    "select name from public.simulation_runs where name in ('One', 'Two') order by name",
                );
                return rows.map(({ name }) => name);
            };
            await ground.up("0011");
            await ground.postgres.query("insert into public.simulation_runs (name) values ('One'), ('Two')");
            await ground.down("0011");
            assert.deepEqual(await names(), []);
            await ground.up("0011");
            assert.deepEqual(await names(), ["One", "Two"]);
            await ground.postgres.query("delete from public.simulation_runs where org_id is null");
            await ground.down("0011");
        });
    });
}
