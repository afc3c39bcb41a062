import assert from "node:assert/strict";
import type pg from "pg";
import { fingerprintTables } from "../../runner/catalog/fingerprint.ts";
import { takeSnapshot } from "../../runner/catalog/undo.ts";
import { type Session, withSession } from "../../runner/database/session.ts";
import { ensureLedger, readLedger } from "../../runner/ledger/ledger.ts";
import { apply } from "../../runner/steps/apply.ts";
import { rollBack } from "../../runner/steps/rollback.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { ground, superuserGround } from "./ground.ts";
import { mutations, superuserMutations } from "./mutations.ts";

/** Tables of the system catalog in which nothing of a schema is kept, or that not everybody may read. */
const leftOut = [
    ...["statistic", "statistic_ext_data", "largeobject", "largeobject_metadata", "replication_origin", "shdepend"],
    ...["subscription_rel", "authid", "user_mapping", "subscription"],
].map(name => `pg_catalog.pg_${name}`);

for (const major of [15, 17] as const) {
    describe(`the fingerprint of the catalog (PostgreSQL ${major})`, function () {
        this.timeout(120_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster);
            await ensureLedger(project.client);
            await project.client.query(ground);
            await project.admin.query(superuserGround);
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        it("is made of every table of the system catalog that has a part in a schema, and anybody may read these", async () => {
            const { rows } = await project.admin.query(`
                select 'pg_catalog.' || relname as name, has_table_privilege('anon', oid, 'select') as readable
                from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind = 'r'`);
            const names = rows.map(({ name }) => name).filter(name => !leftOut.includes(name));
            assert.deepEqual(names.sort(), fingerprintTables.toSorted());
            const closed = rows.filter(({ name, readable }) => fingerprintTables.includes(name) && !readable);
            assert.deepEqual(closed, []);
        });

        it("becomes another one with every change that the proof of undo has to see", async () => {
            const { admin } = project;
            for (const [role, table] of [
                ["postgres", mutations],
                ["supabase_admin", superuserMutations],
            ] as const) {
                for (const [what, change] of table) {
                    await admin.query(`begin; set local role ${role}`);
                    const before = await fingerprint(admin);
                    await admin.query(change);
                    await admin.query(`set local role ${role}`);
                    assert.notEqual(await fingerprint(admin), before, what);
                    await admin.query("rollback");
                }
            }
        });

        it("stays the same while rows come and go, statistics are gathered and time goes by", async () => {
            const { client } = project;
            const before = await fingerprint(client);
            await client.query(
                "insert into app.base select generate_series(1, 1000); delete from app.base where a < 500",
            );
            await client.query("analyze app.base");
            await client.query("vacuum app.base");
            await client.query("select nextval('app.counter')");
            assert.equal(await fingerprint(client), before);
            const other = await project.connect();
            assert.equal(await fingerprint(other), before);
        });

        it("is another one for another role, who may see another catalog", async () => {
            assert.notEqual(await fingerprint(project.client), await fingerprint(project.admin));
        });

        it("spares a snapshot when nothing has changed, and only then", async () => {
            const { client } = project;
            const takenAt = async () =>
                (await client.query("select taken_at::text from simulation_db.snapshot")).rows[0];
            await takeSnapshot(client);
            const first = await takenAt();
            await takeSnapshot(client);
            assert.deepEqual(await takenAt(), first);
            await client.query("comment on table app.base is 'Changed by somebody.'");
            await takeSnapshot(client);
            const second = await takenAt();
            assert.notDeepEqual(second, first);
            const { rows } = await client.query(
                "select catalog ->> 'comment on table app.base' as text from simulation_db.snapshot",
            );
            assert.deepEqual(rows, [{ text: "Changed by somebody." }]);
            // What an interrupted migration may have changed is as it was before: that is no state of the catalog.
            await takeSnapshot(client, ["app.items_name"]);
            await takeSnapshot(client);
            assert.notDeepEqual(await takenAt(), second);
        });

        for (const [what, meanwhile, notRestored] of [
            ["that is exact", "select", ""],
            ["after somebody changed something else", "comment on table app.owners is 'Changed.'", ""],
            ["after somebody changed what it gives back", "alter table app.heir alter a set default 3", ""],
            [
                "that declares what it does not restore",
                "select",
                "-- not-restored: column order of app.heir\n-- not-restored: column app.heir.b\n-- not-restored: storage of column app.heir.b\n",
            ],
        ] as const) {
            it(`a down ${what} leaves a snapshot of the catalog as it is then`, async () => {
                const migration = {
                    version: "0001",
                    slug: "heir",
                    up: "alter table app.heir alter a set default 1;\nalter table app.heir add column c text;",
                    down: `${notRestored}alter table app.heir drop column c;\nalter table app.heir alter a set default 0;${notRestored && "\nalter table app.heir add column b text;"}`,
                    verify: "select 1;",
                };
                await project.client.query("alter table app.heir alter a set default 0");
                try {
                    await withSession(project.environment, "test", undefined, async session => {
                        const ledger = () => readLedger(session.client);
                        await apply(session, migration, await ledger(), () => {});
                        await project.client.query(meanwhile);
                        await rollBack(session, migration, await ledger(), () => {});
                        assert.deepEqual(await ledger(), []);
                        assert.deepEqual(await readSnapshot(session), [{ known: true, same: true }]);
                    });
                } finally {
                    await project.client.query(
                        "alter table app.heir alter a drop default; alter table app.heir drop column if exists b; comment on table app.owners is null",
                    );
                }
            });
        }
    });
}

/** Whether the snapshot's fingerprint is the one of now, and whether its catalog is. */
async function readSnapshot({ client }: Session): Promise<unknown[]> {
    const { rows } = await client.query(`
        select fingerprint = simulation_db.fingerprint() as known,
               catalog = (select jsonb_object_agg(key, definition) from simulation_db.catalog()) as same
        from simulation_db.snapshot`);
    return rows;
}

async function fingerprint(client: pg.Client): Promise<string> {
    return (await client.query("select simulation_db.fingerprint() as text")).rows[0].text;
}
