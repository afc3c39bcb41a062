import assert from "node:assert/strict";
import pg from "pg";
import { withSession } from "../../runner/database/session.ts";
import { readLedger } from "../../runner/ledger/ledger.ts";
import { apply } from "../../runner/steps/apply.ts";
import { rollBack } from "../../runner/steps/rollback.ts";
import { ada, grace, linus, northwind } from "../sql/scene.ts";
import { type Ground, makeGround, opposites, titleOf } from "../sql/ground.ts";
import { readOwnMigrations } from "../sql/own.ts";
import { testCluster } from "../support/cluster.ts";

/** Runs on the table: half of them older than the migrations, half written after. */
const count = 100_000;

/** Columns of a run that may be empty once all migrations are applied, each a bit of the run's number. */
const nullable = [
    ...["org_id", "dataset_id", "user_id", "config_json", "results_json", "status", "started_at", "completed_at"],
    ...["error_message", "execution_time_ms", "updated_at"],
] as const;
const filled = (column: (typeof nullable)[number], value: string) =>
    `case when n & ${2 ** nullable.indexOf(column)} > 0 then ${value} end`;

const organization = "('b0000000-0000-4000-8000-00000000000' || 1 + n % 3)::uuid";
const person = "('a0000000-0000-4000-8000-00000000000' || 1 + n % 7)::uuid";
const dataset = "('f0000000-0000-4000-8000-' || lpad((1 + n % 900)::text, 12, '0'))::uuid";
const run = "('e0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid";
// A run that is under way has neither an end nor a duration.
const status = `(case when n & ${2 ** nullable.indexOf("completed_at")} = 0 and n & ${2 ** nullable.indexOf("execution_time_ms")} = 0
    then 'running' else (array['completed', 'failed', 'cancelled'])[1 + n % 3] end)`;

/** By column: what run number n holds there, in every combination of value and null. */
const values: Readonly<Record<string, string>> = {
    org_id: filled("org_id", organization),
    dataset_id: filled("dataset_id", dataset),
    user_id: filled("user_id", person),
    config_json: filled(
        "config_json",
        "case n % 4 when 0 then 'null'::jsonb else jsonb_build_object('rate', n / 7.0, 'tags', array['a', null]) end",
    ),
    results_json: filled("results_json", "jsonb_build_array(n, 'é \"x\"', null)"),
    status: filled("status", status),
    started_at: filled("started_at", "timestamptz '2025-05-01 00:00+00' + n * interval '1.000001 seconds'"),
    completed_at: filled("completed_at", "timestamptz '2027-05-01 00:00+00' + n * interval '1 second'"),
    error_message: filled("error_message", "case n % 5 when 0 then '' else E'line\\n' || n end"),
    execution_time_ms: filled("execution_time_ms", "n % 90000"),
    updated_at: filled("updated_at", "timestamptz '2026-05-01 00:00+00' + n * interval '1 second'"),
};

for (const kind of opposites) {
    describe(`the plan with ${count} runs (${titleOf(kind)})`, function () {
        this.timeout(300_000);
        let ground: Ground;
        before(async () => {
            ground = await makeGround(kind);
        });
        after(() => ground?.stop());

        it("up, writes, all the way down and up again: every value of every run and dataset is back, by key", async () => {
            const { admin } = ground;
            await writeOldRuns(ground, kind.simulationRuns === "extended");
            await keepCopy(admin, "before", ["simulation_runs"]);

            await ground.up();
            await writeAsUsers(ground);
            await fillRuns(admin);
            await keepCopy(admin, "full", ["simulation_runs", "datasets"]);
            const combinations = `select count(distinct (${nullable.map(name => `${name} is null`).join(", ")}))::int as count from public.simulation_runs`;
            // A final status brings its completed_at along, so one of two of its combinations cannot be.
            assert.ok((await admin.query(combinations)).rows[0].count >= 1500);

            await ground.down();
            const { rows: gone } = await admin.query("select to_regclass('public.datasets') as datasets");
            assert.deepEqual(gone, [{ datasets: null }]);
            // What was there before up holds what users wrote to it meanwhile, except for runs that had no organization.
            const old = Object.keys((await admin.query("select * from copy_before.simulation_runs limit 1")).rows[0]);
            await admin.query(
                "create view copy_full.with_organization as select * from copy_full.simulation_runs where org_id is not null",
            );
            assert.deepEqual(
                await differences(admin, "copy_full.with_organization", "public.simulation_runs", old),
                [],
            );

            await ground.up();
            assert.deepEqual(await differences(admin, "copy_full.simulation_runs", "public.simulation_runs"), []);
            assert.deepEqual(await differences(admin, "copy_full.datasets", "public.datasets"), []);
            assert.equal(
                Number((await admin.query("select count(*) from public.simulation_runs")).rows[0].count) >= count,
                true,
            );
            assert.deepEqual((await admin.query("select source, rows from simulation_db.archive")).rows, []);

            // The comparison would see one value and one row.
            await admin.query(`begin; update public.simulation_runs set config_json = '{"rate": 0.1}' where name = 'Run 60000';
                delete from public.simulation_runs where name = 'Run 70000'`);
            const seen = await differences(admin, "copy_full.simulation_runs", "public.simulation_runs");
            await admin.query("rollback");
            assert.deepEqual(seen, [
                "config_json: 1 rows, the first e0000000-0000-4000-8000-000000060000",
                "only in one of them: 1 rows, the first e0000000-0000-4000-8000-000000070000",
                "updated_at: 1 rows, the first e0000000-0000-4000-8000-000000060000",
            ]);
        });
    });
}

it("datasets of a user who was deleted while they were away are counted and kept, and runs forget them", async function () {
    this.timeout(120_000);
    const ground = await makeGround(opposites[1] as (typeof opposites)[number]);
    try {
        const { admin } = ground;
        await ground.up();
        await writeAsUsers(ground);
        await ground.down();
        await admin.query("delete from auth.users where id = $1", [linus.sub]);
        await ground.up();
        const { rows: archive } = await admin.query(
            "select source, rows::int, restored_at is not null as tried from simulation_db.archive",
        );
        assert.deepEqual(archive, [{ source: "public.datasets", rows: 20, tried: true }]);
        const { rows: runs } = await admin.query(
            `select user_id, count(*)::int as runs, count(dataset_id)::int as datasets from public.simulation_runs
             where name like 'Mine %' group by user_id order by user_id`,
        );
        assert.deepEqual(runs, [
            { user_id: ada.sub, runs: 20, datasets: 20 },
            { user_id: grace.sub, runs: 20, datasets: 20 },
            { user_id: null, runs: 20, datasets: 0 },
        ]);
    } finally {
        await ground.stop();
    }
});

it("a stack without an archive does not delete runs without an organization: it names them, and goes on when they are gone", async function () {
    this.timeout(60_000);
    const cluster = await testCluster({ major: 17 });
    const client = new pg.Client(cluster.connection);
    try {
        await client.connect();
        const migrations = (await readOwnMigrations()).filter(({ version }) => version <= "0011");
        const last = migrations.at(-1) as (typeof migrations)[number];
        await withSession({ ...cluster.environment, SIMULATION_DB_ARCHIVE: "off" }, "test", async session => {
            const ledger = () => readLedger(session.client);
            for (const migration of migrations) await apply(session, migration, await ledger(), () => {});
            await client.query(`insert into public.simulation_runs (id, name) values ('${linus.sub}', 'Alone')`);
            await assert.rejects(
                rollBack(session, last, await ledger(), () => {}),
                ({ message }: Error) =>
                    /public\.simulation_runs has rows where org_id is null/.test(message) &&
                    message.includes(`1 of them, the first with id = ${linus.sub}.`),
            );
            assert.equal((await client.query("delete from public.simulation_runs where org_id is null")).rowCount, 1);
            await rollBack(session, last, await ledger(), () => {});
            assert.deepEqual((await client.query("select from simulation_db.archive")).rowCount, 0);
        });
    } finally {
        await client.end();
        await cluster.stop();
    }
});

/** Runs as they are before the migrations; where some of the plan's columns are there, with all that these can hold. */
async function writeOldRuns({ admin }: Ground, extended: boolean): Promise<void> {
    const own = extended ? ["status", "started_at", "updated_at"] : [];
    await admin.query(`
        insert into public.simulation_runs (${["id", "org_id", "created_at", "name", ...own].join(", ")})
        select ${run}, ${organization}, timestamptz '2025-01-01 00:00+00' + n * interval '1 minute', 'Run ' || n
            ${own.map(name => `, ${values[name]}`).join("")}
        from generate_series(1, ${count / 2}) as n`);
}

/** What a few users do through the API once everything is applied. */
async function writeAsUsers(ground: Ground): Promise<void> {
    const { admin } = ground;
    for (const { sub } of [ada, grace, linus]) {
        await admin.query(`begin; set local role authenticated;
            select set_config('request.jwt.claims', '{"role": "authenticated", "sub": "${sub}"}', true)`);
        await admin.query(
            `insert into public.datasets (owner_id, name, file_path, file_type, file_size, schema_json, row_count, column_count)
             select $1::uuid, 'File ' || n, $1 || '/' || n || '.csv', 'csv', n * 10, '[{"name": "age", "type": "integer"}]', n, 1
             from generate_series(1, 20) as n`,
            [sub],
        );
        await admin.query(
            `insert into public.simulation_runs (user_id, name, dataset_id, config_json)
             select $1, 'Mine ' || row_number() over (), id, '{"seed": 1}' from public.datasets`,
            [sub],
        );
        await admin.query(
            "update public.simulation_runs set status = 'completed', results_json = '{}' where user_id = $1 and org_id is null and name like '%5'",
            [sub],
        );
        await admin.query("update public.datasets set description = E'Line 1\\nLine 2' where name like '%7'");
        await admin.query("commit");
    }
    const { rows } = await admin.query(
        "select count(*)::int as runs, count(distinct dataset_id)::int as datasets from public.simulation_runs where name like 'Mine %'",
    );
    assert.deepEqual(rows, [{ runs: 60, datasets: 60 }]);
    await ground.postgres.query(
        "update public.simulation_runs set name = name || ' again' where org_id = $1 and created_at < '2025-02-01'",
        [northwind],
    );
}

/** Datasets of every kind, the old runs filled in, and new ones beside them: run number n in the n-th combination. */
async function fillRuns(admin: pg.Client): Promise<void> {
    await admin.query(`
        insert into public.datasets (id, owner_id, name, description, file_path, file_type, file_size, schema_json, row_count, column_count)
        select ('f0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, ${person}, 'Dataset ' || n,
            case when n & 1 > 0 then 'é' end, ${person} || '/' || n || '.parquet', 'parquet', case when n & 2 > 0 then n end,
            case when n & 4 > 0 then '[{"name": "a", "type": "string", "more": null}]'::jsonb end, case when n & 8 > 0 then n end,
            case when n & 4 > 0 then 1 end
        from generate_series(1, 900) as n`);
    await admin.query(`
        update public.simulation_runs as r set ${Object.entries(values)
            .map(([name, value]) => `${name} = ${value}`)
            .join(", ")}
        from generate_series(1, ${count / 2}) as n where r.id = ${run}`);
    await admin.query(`
        insert into public.simulation_runs (id, created_at, name, ${Object.keys(values).join(", ")})
        select ${run}, timestamptz '2026-01-01 00:00+00' + n * interval '1 minute', 'Run ' || n, ${Object.values(values).join(", ")}
        from generate_series(${count / 2 + 1}, ${count}) as n`);
}

/** A copy of tables as they are now, out of everybody's way. */
async function keepCopy(admin: pg.Client, name: string, tables: readonly string[]): Promise<void> {
    await admin.query(`create schema copy_${name}`);
    for (const table of tables) await admin.query(`create table copy_${name}.${table} as table public.${table}`);
}

/** One line per column that is not the same in both by id, with how many rows and the first of them; and rows that one lacks. */
async function differences(
    admin: pg.Client,
    expected: string,
    found: string,
    only?: readonly string[],
): Promise<string[]> {
    const { rows: columns } = await admin.query<{ name: string }>(
        "select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped",
        [expected],
    );
    const names = columns.map(({ name }) => name).filter(name => !only || only.includes(name));
    const aspects = [
        "select 'only in one of them' as column, coalesce(e.id, f.id) as id from both_of where e.id is null or f.id is null",
        ...names.map(
            name =>
                `select '${name}', e.id from both_of where e.id = f.id and e.${name}::text is distinct from f.${name}::text`,
        ),
    ].map(sql => sql.replace("both_of", `${expected} as e full join ${found} as f on e.id = f.id`));
    const { rows } = await admin.query<{ line: string }>(`
        select format('%s: %s rows, the first %s', d.column, count(*), array_to_string((array_agg(id order by id))[1:3], ', ')) as line
        from (${aspects.join(" union all ")}) as d group by d.column order by 1`);
    return rows.map(({ line }) => line);
}
