import assert from "node:assert/strict";
import pg from "pg";
import { withSession } from "../../runner/database/session.ts";
import { readLedger } from "../../runner/ledger/ledger.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { apply } from "../../runner/steps/apply.ts";
import { record } from "../../runner/steps/record.ts";
import { rollBack } from "../../runner/steps/rollback.ts";
import { readOwnMigrations } from "../sql/own.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";

/** What the plan's migration adds where it is missing, and the extended simulation_runs has before it. */
const theirs = ["status", "started_at", "updated_at"];

for (const major of [15, 17] as const) {
    describe(`columns of simulation_runs that were there before (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let client: pg.Client;
        before(async () => {
            cluster = await testCluster({ major, shape: { simulationRuns: "extended" } });
            client = new pg.Client(cluster.connection);
            await client.connect();
        });
        after(async () => {
            await client?.end();
            await cluster?.stop();
        });

        it("a down that drops what the plan has, and not what up made, is refused by the name of each, and their values stay", async () => {
            const migrations = (await readOwnMigrations()).filter(({ version }) => version <= "0010");
            const last = migrations.at(-1) as Migration;
            const planned = [...last.up.matchAll(/\(\d+, '(\w+)', '/g)].map(([, name]) => name);
            assert.ok(theirs.every(name => planned.includes(name)));
            const tooMuch = planned.map(name => `alter table public.simulation_runs drop column ${name};\n`).join("");
            const values = `select jsonb_agg(to_jsonb(r) order by id) from (select id, ${theirs.join(", ")} from public.simulation_runs) as r`;
            const before = (await client.query(values)).rows;

            await withSession(cluster.environment, "test", async session => {
                const ledger = () => readLedger(session.client);
                for (const migration of migrations) await apply(session, migration, await ledger(), () => {});
                await record(session, { ...last, down: tooMuch }, await ledger());
                await assert.rejects(
                    rollBack(session, { ...last, down: tooMuch }, await ledger(), () => {}),
                    ({ message }: Error) =>
                        theirs.every(name =>
                            message.includes(`gone: column public.simulation_runs.${name}, which up did not make`),
                        ) && !message.includes("left behind"),
                );
                assert.deepEqual((await client.query(values)).rows, before);
                assert.deepEqual((await client.query("select from simulation_db.archive")).rowCount, 0);

                await record(session, last, await ledger());
                await rollBack(session, last, await ledger(), () => {});
            });
            assert.deepEqual((await client.query(values)).rows, before);
            const { rows: columns } = await client.query(
                "select attname as name from pg_attribute where attrelid = 'public.simulation_runs'::regclass and attnum > 0 and not attisdropped order by attnum",
            );
            assert.deepEqual(
                columns.map(({ name }) => name),
                ["id", "org_id", "created_at", "name", ...theirs],
            );
        });
    });
}
