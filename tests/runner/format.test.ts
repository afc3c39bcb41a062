import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { hashOf } from "../../runner/migration/migration.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

const first = {
    up: "create table public.first (id bigint primary key);",
    down: "drop table public.first;",
    verify: "select from public.first;",
};

for (const major of [15, 17] as const) {
    describe(`the format of the ledger (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster, { "0001_first": first });
        });
        afterEach(() => project?.remove());

        it("the ledger of the first version is upgraded by the next run, and then is as a new one", async () => {
            await project.client.query(await readFile(join(import.meta.dirname, "ledgerFormat1.sql"), "utf8"));
            await project.client.query(first.up);
            await project.client.query(
                `insert into simulation_db.migration
                     (version, slug, up_hash, down_hash, verify_hash, up_sql, down_sql, verify_sql, undo, duration_ms, stack)
                 values ('0001', 'first', $1, $2, $3, $4, $5, $6, '{"added": {}, "removed": {}, "made": {}}', 1, 'shell')`,
                [hashOf(first.up), hashOf(first.down), hashOf(first.verify), first.up, first.down, first.verify],
            );
            await project.write({ "0001_first": first, "0002_second": {} });
            await project.must("migrate up");
            assert.deepEqual(await project.applied(), ["0001", "0002"]);

            const other = await sqlProject(cluster);
            try {
                await other.must("migrate up");
                assert.deepEqual(await shapeOf(project.admin), await shapeOf(other.admin));
            } finally {
                await other.remove();
            }
        });

        it("a ledger that a newer version has written is refused by whatever reads it, and nothing is changed", async () => {
            await project.must("migrate up");
            await project.client.query(
                "comment on schema simulation_db is 'Ledger of simulation-db, format 99: who knows what. Not for the API.'",
            );
            await project.write({ "0001_first": first, "0002_second": {} });
            for (const command of ["migrate up", "migrate down", "status", "repair reverted 0001 --reason test"]) {
                const { code, stderr } = await project.run(command);
                assert.equal(code, 1, command);
                assert.match(
                    stderr,
                    /the ledger of this database has format 99, and this version of simulation-db knows/,
                );
                assert.match(stderr, /→ update this project \(git pull\)/);
            }
            assert.deepEqual(await project.history(), ["up 0001"]);
        });
    });
}

/** Tables, columns, constraints, functions and comments of the ledger's schemas, as text. */
async function shapeOf(client: pg.Client): Promise<string[]> {
    const { rows } = await client.query<{ line: string }>(`
        with ours as (select oid from pg_namespace where nspname in ('simulation_db', 'simulation_db_archive'))
        select concat_ws(' ', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                   pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)) as line
        from pg_attribute join pg_class c on c.oid = attrelid left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where relnamespace in (select oid from ours) and attnum > 0 and not attisdropped and relkind = 'r'
        union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
            where connamespace in (select oid from ours)
        union all select concat_ws(' ', oid::regclass, relacl, obj_description(oid, 'pg_class')) from pg_class
            where relnamespace in (select oid from ours) and relkind = 'r'
        union all select concat_ws(' ', oid::regnamespace, obj_description(oid, 'pg_namespace')) from ours
        union all select concat_ws(' ', oid::regprocedure, proacl, regexp_replace(prosrc, '\\s+', ' ', 'g')) from pg_proc where pronamespace in (select oid from ours)
        order by 1`);
    assert.ok(rows.length > 50, "the ledger is not there");
    return rows.map(({ line }) => line);
}
