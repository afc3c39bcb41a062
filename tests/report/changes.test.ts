import assert from "node:assert/strict";
import type pg from "pg";
import { changesOf, headline } from "../../preview/changes/change.ts";
import { compare } from "../../preview/changes/comparison.ts";
import type { Catalog } from "../../preview/trial/observation.ts";
import { ensureLedger } from "../../runner/ledger/ledger.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { ground, superuserGround } from "../undo/ground.ts";
import { mutations, superuserMutations } from "../undo/mutations.ts";

for (const major of [15, 17] as const) {
    describe(`the resulting change in words (PostgreSQL ${major})`, function () {
        this.timeout(120_000);
        let cluster: TestCluster;
        let project: SqlProject;
        let before_: Catalog;
        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster);
            await ensureLedger(project.client);
            await project.client.query(ground);
            await project.admin.query(superuserGround);
            before_ = await catalog(project.admin);
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        async function catalog(client: pg.Client): Promise<Catalog> {
            const { rows } = await client.query("select key, definition from simulation_db.catalog()");
            return new Map(rows.map(({ key, definition }) => [key, definition]));
        }

        async function changed(sql: string, role = "postgres", then = "select 1") {
            const { admin } = project;
            await admin.query(`begin; set local role ${role}`);
            try {
                await admin.query(sql);
                const after = await catalog(admin);
                const changes = changesOf(compare(before_, after));
                await admin.query(then);
                return { changes, after };
            } finally {
                await admin.query("rollback");
            }
        }

        it("has a word for every mutation that the proof of undo knows", async () => {
            for (const [list, role] of [
                [mutations, "postgres"],
                [superuserMutations, "supabase_admin"],
            ] as const) {
                for (const [what, sql] of list) {
                    const { changes } = await changed(sql, role);
                    assert.notDeepEqual(changes, [], `${what} is not said`);
                    for (const { sign, object, details, ddl } of changes) {
                        if (sign === "~" && !object.startsWith("new "))
                            assert.notDeepEqual(details, [], `${what}: ${object}`);
                        const text = JSON.stringify([object, details, ddl]);
                        assert.doesNotMatch(text, /undefined| to null|\[object/, `${what}: ${text}`);
                    }
                }
            }
        });

        it("folds what belongs to a new table into its line", async () => {
            const { changes } = await changed(`
                create table app.notes (id bigint generated always as identity primary key, owner_id bigint references app.owners (id), body text);
                create index notes_body on app.notes (body);
                alter table app.notes enable row level security;
                create policy notes_read on app.notes for select to authenticated using (id > 0);
                comment on table app.notes is 'Notes.'`);
            assert.deepEqual(changes.map(headline), [
                "+ table app.notes: 3 columns, RLS on, 1 policy, 2 indexes, 1 foreign key; authenticated may select",
            ]);
        });

        it("is SQL that makes the same, where it says create", async () => {
            const sql = `
                create type app.color as enum ('red', 'it''s blue');
                create table app.notes (
                    id bigint generated always as identity primary key, body text not null default 'none', color app.color,
                    twice bigint generated always as (length(body) * 2) stored,
                    constraint notes_body check (body <> ''), constraint notes_once unique (body, color)
                );
                create index notes_color on app.notes (color) where color is not null;
                alter table app.notes enable row level security;
                create policy "Notes are read" on app.notes as restrictive for update to authenticated, anon using (id > 0) with check (id > 1);
                create trigger notes_touch before update on app.notes for each row execute function app.touch();
                create view app.bodies with (security_invoker = true) as select body from app.notes;
                create function app.both(a integer, b text) returns text language sql immutable return b;
                grant select (body) on app.notes to anon;
                comment on column app.notes.body is 'It''s the text.'`;
            const { changes, after } = await changed(sql);
            const { after: again } = await changed(changes.flatMap(({ ddl }) => ddl).join("\n"));
            const keys = [...new Set([...after.keys(), ...again.keys()])].filter(
                key => after.get(key) !== again.get(key),
            );
            assert.deepEqual(keys, []);
        });

        it("takes what has a new name for the same thing", async () => {
            const { after } = await changed(
                "alter table app.items rename to things; alter table app.things rename size to length",
            );
            const renamed = [
                { kind: "table", from: "app.items", to: "app.things" },
                { kind: "column", from: "app.things.size", to: "app.things.length" },
            ] as const;
            const changes = changesOf(compare(before_, after, renamed));
            const table = changes.find(({ object }) => object === "table app.things");
            assert.deepEqual(
                table?.details.map(({ sign, words }) => `${sign} ${words}`),
                ["~ name app.items → app.things", "~ name of column size → length"],
            );
            assert.ok(
                changes.every(({ sign }) => sign === "~"),
                changes.map(headline).join("\n"),
            );
        });
    });
}
