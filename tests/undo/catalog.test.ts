import assert from "node:assert/strict";
import type pg from "pg";
import { ensureLedger } from "../../runner/ledger/create.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { changesBothWays, snapshotAs, takenBack } from "./bothWays.ts";
import { ground, superuserGround } from "./ground.ts";
import { type Mutation, mutations, noChanges, superuserMutations } from "./mutations.ts";
import { rootHash } from "./pgDelta.ts";

const noChange = { added: {}, removed: {} };

/** One in so many mutations is shown to pg-delta as well. */
const askedEvery = 12;

for (const major of [15, 17] as const) {
    describe(`the catalog as the proof of undo reads it (PostgreSQL ${major})`, function () {
        this.timeout(120_000);
        let cluster: TestCluster;
        let project: SqlProject;
        let untouched: Catalog;
        let untouchedHash: string;
        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster);
            await ensureLedger(project.client);
            await project.client.query(ground);
            await project.admin.query(superuserGround);
            untouched = await readCatalog(project.admin);
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        /** Before any change; pg-delta also sees the privileges on the snapshot that the role was given. */
        async function begin(role: string): Promise<void> {
            await snapshotAs(project.admin, role);
            untouchedHash = await rootHash(project.admin);
        }

        /** Makes a change, looks, takes it back, looks, and leaves no trace. */
        async function proveMutation([what, change, back]: Mutation, role: string, asked: boolean): Promise<void> {
            const { admin } = project;
            await takenBack(admin, role, async () => {
                await admin.query(change);
                await admin.query(`set local role ${role}`);
                const changes = await changesBothWays(admin, what);
                assert.notDeepEqual(changes, noChange, `${what} is not seen`);
                await admin.query(back);
                await admin.query(`set local role ${role}`);
                assert.deepEqual(await changesBothWays(admin, what), noChange);
                await admin.query("reset role");
                if (asked)
                    assert.equal(await rootHash(admin), untouchedHash, "pg-delta sees a difference that is left");
            });
        }

        for (const [who, role, table] of [
            ["a change", "postgres", mutations],
            ["a change by the superuser", "supabase_admin", superuserMutations],
        ] as const) {
            describe(role, () => {
                before(() => begin(role));

                for (const [index, mutation] of table.entries()) {
                    it(`${who} is seen, and leaves nothing when it is taken back: ${mutation[0]}`, () =>
                        proveMutation(mutation, role, index % askedEvery === 0));
                }
            });
        }

        describe("no change", () => {
            before(() => begin("postgres"));

            for (const [what, sql] of noChanges) {
                it(`the same before and after: ${what}`, async () => {
                    const { admin } = project;
                    await takenBack(admin, "postgres", async () => {
                        await admin.query(sql);
                        assert.deepEqual(await changesBothWays(admin, what), noChange);
                        await admin.query("reset role");
                        assert.equal(await rootHash(admin), untouchedHash, "pg-delta sees a difference, and we do not");
                    });
                });
            }
        });

        it("postgres and the superuser see the same", async () => {
            assert.deepEqual(difference(untouched, await readCatalog(project.client)), []);
        });

        it("how the session writes names and values does not matter", async () => {
            const { client } = project;
            await client.query(`
                create table app.moments (
                    at timestamptz default '2020-06-01 12:00+00', day date default '2020-02-01', span interval default '1 day 2 hours',
                    part float8 default 0.1::float8 + 0.2, bytes bytea default '\\x00ff', "Big Name" text
                );
                create view app.moment as select * from app.moments where at > '2021-06-01 12:00+00'`);
            const expected = await readCatalog(client);
            try {
                for (const setting of [
                    "search_path = app, public, pg_catalog",
                    "timezone = 'Asia/Tokyo'",
                    "datestyle = 'German, DMY'",
                    "intervalstyle = 'iso_8601'",
                    "extra_float_digits = -5",
                    "bytea_output = 'escape'",
                    "quote_all_identifiers = on",
                    "lc_monetary = 'C'",
                ]) {
                    await client.query(`set ${setting}`);
                    assert.deepEqual(difference(expected, await readCatalog(client)), [], setting);
                    await client.query("reset all");
                }
            } finally {
                await client.query("drop view app.moment; drop table app.moments");
            }
        });

        it("no value of a secret setting or of a foreign server's options is written down", async () => {
            const { admin, database } = project;
            await admin.query(`begin;
                alter database ${database} set app.jwt_secret = 'opensesame';
                create server secret foreign data wrapper app_wrapper options (password 'opensesame')`);
            try {
                const text = [...(await readCatalog(admin))].join("\n");
                assert.match(text, /app\.jwt_secret with md5/);
                assert.doesNotMatch(text, /opensesame/);
            } finally {
                await admin.query("rollback");
            }
        });
    });
}

/** Definition by key. */
type Catalog = ReadonlyMap<string, string>;

async function readCatalog(client: pg.Client): Promise<Catalog> {
    const { rows } = await client.query("select key, definition from simulation_db.catalog()");
    const catalog = new Map(rows.map(({ key, definition }) => [key, definition]));
    assert.equal(catalog.size, rows.length, "two aspects share a key");
    return catalog;
}

/** One line per key that is not the same in both. */
function difference(one: Catalog, other: Catalog): string[] {
    return [...new Set([...one.keys(), ...other.keys()])]
        .filter(key => one.get(key) !== other.get(key))
        .map(key => `${key}: ${one.get(key)} → ${other.get(key)}`)
        .sort();
}
