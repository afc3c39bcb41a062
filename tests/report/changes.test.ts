import assert from "node:assert/strict";
import { changesOf, headline } from "../../preview/changes/change.ts";
import { compare } from "../../preview/changes/comparison.ts";
import { type Catalog, readInstalledCatalog } from "../../runner/catalog/catalog.ts";
import type { Renamed } from "../../preview/trial/observation.ts";
import { ensureLedger } from "../../runner/ledger/create.ts";
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
            before_ = await readInstalledCatalog(project.admin);
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        async function changed(sql: string, role = "postgres", then = "select 1") {
            const { admin } = project;
            await admin.query(`begin; set local role ${role}`);
            try {
                await admin.query(sql);
                const after = await readInstalledCatalog(admin);
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
                    "twi.ce" bigint generated always as (length(body) * 2) stored,
                    constraint notes_body check (body <> ''), constraint notes_once unique (body, color)
                );
                create index notes_color on app.notes (color) where color is not null;
                alter table app.notes enable row level security;
                create policy "Notes are read" on app.notes as restrictive for update to authenticated, anon using (id > 0) with check (id > 1);
                create trigger notes_touch before update on app.notes for each row execute function app.touch();
                create view app.bodies with (security_invoker = true) as select body from app.notes;
                create function app.both(a integer, b text) returns text language sql immutable return b;
                grant select (body, "twi.ce") on app.notes to anon;
                comment on column app.notes.body is 'It''s the text.'`;
            const { changes, after } = await changed(sql);
            const { after: again } = await changed(changes.flatMap(({ ddl }) => ddl).join("\n"));
            const keys = [...new Set([...after.keys(), ...again.keys()])].filter(
                key => after.get(key) !== again.get(key),
            );
            assert.deepEqual(keys, []);
        });

        /** What the SQL of a change leaves different from what the change itself makes. */
        async function differences(sql: string, setUp: string): Promise<string[]> {
            const { admin } = project;
            await admin.query("begin; set local role postgres");
            try {
                await admin.query(`${setUp}; savepoint start`);
                const earlier = await readInstalledCatalog(admin);
                await admin.query(sql);
                const after = await readInstalledCatalog(admin);
                const ddl = changesOf(compare(earlier, after)).flatMap(change => change.ddl);
                await admin.query("rollback to start");
                await admin.query(ddl.join("\n"));
                const again = await readInstalledCatalog(admin);
                return [...new Set([...after.keys(), ...again.keys()])].filter(
                    key => after.get(key) !== again.get(key),
                );
            } finally {
                await admin.query("rollback");
            }
        }

        it("is SQL that makes the same of what decides who may do what, and of triggers, there and back", async () => {
            // The names of databases and what domains are made of are not in the catalog.
            const telling = mutations.filter(([what]) =>
                /^(?:row level|policy|trigger|grant(?! on (?:database|a domain)))/.test(what),
            );
            const different: string[] = [];
            for (const [what, sql, back] of telling) {
                if ((await differences(sql, "select 1")).length > 0) different.push(what);
                if ((await differences(back, sql)).length > 0) different.push(`${what}, back`);
            }
            assert.deepEqual(different, []);
        });

        it("says a grant option, and that a trigger is off, and takes neither for something that goes", async () => {
            const said = async (sql: string, setUp?: string) => (await renamed([], sql, setUp)).slice(1);
            const granted = "grant select on app.items to authenticated with grant option";
            assert.deepEqual(await said(granted), ["+ authenticated may select with grant option"]);
            assert.deepEqual(await said("revoke grant option for select on app.items from authenticated", granted), [
                "- authenticated may no longer select with grant option",
            ]);
            assert.deepEqual(await said("alter table app.items disable trigger items_touch"), [
                "~ trigger items_touch: on → off",
            ]);
        });

        /** What is said of a table after names changed, all in one transaction that is taken back. */
        async function renamed(renames: readonly Renamed[], sql: string, setUp = "select 1"): Promise<string[]> {
            const { admin } = project;
            await admin.query("begin");
            try {
                await admin.query(setUp);
                const earlier = await readInstalledCatalog(admin);
                await admin.query(sql);
                return changesOf(compare(earlier, await readInstalledCatalog(admin), renames)).flatMap(change => [
                    headline(change),
                    ...change.details.map(({ sign, words }) => `${sign} ${words}`),
                ]);
            } finally {
                await admin.query("rollback");
            }
        }

        const odd = `
            create table app.parents (parent_id bigint primary key);
            create table app.odd (
                w integer check (w > 0), app boolean, enabled boolean, day date, date date, size integer, draft boolean,
                parent_id bigint constraint odd_parent references app.parents (parent_id),
                status text constraint odd_status check (draft or status in ('draft', 'done'))
            );
            create index size on app.odd (size);
            create index odd_app on app.odd (app);
            create policy odd_update on app.odd for update to authenticated using (w > 0);
            create policy odd_read on app.odd for select using (app);
            create trigger odd_touch before update of enabled on app.odd for each row execute function app.touch();
            create function app.of_odd() returns setof app.odd language sql as 'select * from app.odd where w > 1'`;
        for (const [old, now] of [
            ["w", "weight"],
            ["app", "is_app"],
            ["enabled", "active"],
            ["date", "moment"],
            ["size", "length"],
            ["draft", "unfinished"],
            ["parent_id", "above_id"],
            ["w", '"$$ $& w"'],
        ] as const) {
            it(`says nothing but the new name where other words look like the old one: ${old} → ${now}`, async () => {
                assert.deepEqual(
                    await renamed(
                        [{ kind: "column", from: `app.odd.${old}`, to: `app.odd.${now}` }],
                        `alter table app.odd rename column ${old} to ${now}`,
                        odd,
                    ),
                    ["~ table app.odd", `~ name of column ${old} → ${now}`],
                );
            });
        }

        it("says nothing of a function whose text goes on saying the old name of a table", async () => {
            assert.deepEqual(
                await renamed(
                    [{ kind: "table", from: "app.odd", to: 'app."$$ odd"' }],
                    'alter table app.odd rename to "$$ odd"',
                    odd,
                ),
                ['~ table app."$$ odd"', '~ name app.odd → app."$$ odd"'],
            );
        });

        it("says the first name and the last of what got several, and nothing of what has its old one again", async () => {
            assert.deepEqual(
                await renamed(
                    [
                        { kind: "column", from: "app.base.a", to: "app.base.b" },
                        { kind: "table", from: "app.base", to: "app.ground" },
                        { kind: "column", from: "app.ground.b", to: "app.ground.c" },
                        { kind: "table", from: "app.ground", to: "app.soil" },
                        { kind: "table", from: "app.heir", to: "app.child" },
                        { kind: "table", from: "app.child", to: "app.heir" },
                    ],
                    `alter table app.base rename column a to b; alter table app.base rename to ground;
                     alter table app.ground rename column b to c; alter table app.ground rename to soil;
                     alter table app.heir rename to child; alter table app.child rename to heir`,
                ),
                ["~ table app.soil", "~ name of column a → c", "~ name app.base → app.soil"],
            );
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
