import assert from "node:assert/strict";
import { versionedTables } from "../../runner/catalog/versions.ts";
import { takeSnapshot } from "../../runner/catalog/undo.ts";
import { withSession } from "../../runner/database/session.ts";
import { ensureLedger } from "../../runner/ledger/create.ts";
import { readLedger } from "../../runner/ledger/ledger.ts";
import { apply } from "../../runner/steps/apply.ts";
import { rollBack } from "../../runner/steps/rollback.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { asksForAll, changesBothWays, snapshotAs, snapshotIsOfNow, takenBack } from "./bothWays.ts";
import { ground, superuserGround } from "./ground.ts";

/** Tables of the system catalog in which nothing of a schema is kept. */
const leftOut = [
    ...["pg_statistic", "pg_statistic_ext_data", "pg_largeobject", "pg_largeobject_metadata", "pg_replication_origin"],
    ...["pg_shdepend", "pg_subscription_rel"],
];

/** Of these the text is read, through a view where not everybody may. */
const told = ["pg_authid", "pg_subscription", "pg_user_mapping"];

/** What hangs on names of others, and changes of these. */
const renames = [
    ["a table", "alter table app.items rename to goods"],
    ["a table's schema", "create schema more; alter table app.owners set schema more"],
    ["a column", "alter table app.items rename size to length"],
    ["a function", "alter function app.touch() rename to touched"],
    ["a function in an operator and a cast", "alter function app.level(app.mood) rename to degree"],
    ["an enum's value", "alter type app.mood rename value 'ok' to 'fine'"],
    ["a type", "alter type app.mood rename to temper"],
    ["a domain", "alter domain app.percent rename to share"],
    ["a range type and what comes with it", "alter type app.period_multirange rename to periods"],
    ["a schema", "alter schema app rename to application"],
    ["a sequence", "alter sequence app.counter rename to count"],
    ["a collation", "alter collation app.plain rename to simple"],
    ["a text search dictionary", "alter text search dictionary app.words rename to lexemes"],
    ["a publication", "alter publication app_changes rename to app_news"],
    ["a view", "alter view app.item_names rename to names"],
    ["an index that makes a constraint", "alter index app.owners_pkey rename to owners_key"],
    ["a partitioned table", "alter table app.events rename to happenings"],
] as const;
const superuserRenames = [
    ["a role", "alter role dashboard_user rename to board"],
    ["a foreign server", "alter server app_server rename to app_place"],
    ["an event trigger's function", "alter function app.watch() rename to watcher"],
    ["what an extension brings", "create extension hstore schema app"],
    ["the schema public", "grant create on schema public to anon"],
] as const;

/** Things that depend on others in every way there is. */
const dependents = `
    create table app.things (id bigint default nextval('app.counter'), mood app.mood[] default '{ok}', address app.address, period app.period,
        constraint things_level check (app.level(mood[1]) > 0), check (mood[1] <> 'sad'));
    create index things_index on app.things (app.level(mood[1])) where mood[1] <> 'sad';
    create view app.dependent as
        select i.id, i.mood = 'ok'::app.mood as well, app.twice(i.size) as twice, i.name collate app.plain as name, 5::app.percent as part,
            to_tsvector('app.search', i.name) as words, o as owner
        from app.items as i join app.owners as o on o.id = i.owner_id where i.size > all (select size from app.items where mood <> 'sad');
    create view app.on_view as select * from app.dependent where well;
    create function app.of_row(app.items) returns app.mood language sql stable return ($1).mood;
    create function app.with_default(app.mood default 'ok', app.percent[] default '{1}') returns app.owners language sql
        begin atomic; select * from app.owners limit 1; end;
    create policy things_read on app.things using (exists (select from app.items where items.mood = any (things.mood) and items.size > 1));
    create policy items_all on app.items using (owner_id in (select id from app.owners where name <> ''));
    create trigger things_touch before update on app.things for each row when (new.mood[1] <> 'ok') execute function app.touch();
    create rule things_rule as on insert to app.things where new.mood[1] = 'ok' do also delete from app.owners where name = 'none';
    create statistics app.things_statistics on (app.level(mood[1])), id from app.things;
    alter publication app_changes add table app.things where (id > 1);
    grant execute on function app.of_row(app.items) to anon;
    grant select (well) on app.dependent to anon;
    grant usage on type app.mood to anon;
    ${[
        "view app.dependent",
        "column app.dependent.well",
        "policy things_read on app.things",
        "constraint things_level on app.things",
    ]
        .concat(
            "function app.of_row(app.items)",
            "trigger things_touch on app.things",
            "rule things_rule on app.things",
        )
        .concat("index app.things_index", "type app.period", "type app.mood")
        .map(what => `comment on ${what} is 'x';`)
        .join("\n    ")}`;
const noDependents = `
    drop policy items_all on app.items;
    drop function app.of_row, app.with_default;
    drop view app.on_view, app.dependent;
    drop table app.things;
    revoke usage on type app.mood from anon`;

const quietParts = {
    up: "create table app.quiet (id bigint primary key);",
    down: "drop table app.quiet;",
    verify: "select 1;",
};

for (const major of [15, 17] as const) {
    describe(`what changed since the snapshot (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            // Its own transactions would count as somebody's.
            cluster = await testCluster({ major, settings: { autovacuum: "off" } });
            project = await sqlProject(cluster);
            await ensureLedger(project.client);
            await project.client.query(ground);
            await project.admin.query(superuserGround);
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        it("is told by every table of the system catalog that has a part in a schema, and anybody may read these", async () => {
            const { rows } = await project.admin.query(`
                select relname as name, has_table_privilege('anon', oid, 'select') as readable
                from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind = 'r'`);
            const names = rows.map(({ name }) => name).filter(name => !leftOut.includes(name));
            assert.deepEqual(names.sort(), versionedTables);
            const read = versionedTables.filter(name => !told.includes(name));
            const closed = rows.filter(({ name, readable }) => read.includes(name) && !readable);
            assert.deepEqual(closed, []);
        });

        it(`is the same for names that stand in what depends on them: ${renames.length + superuserRenames.length} changes`, async () => {
            const { admin } = project;
            const all: string[] = [];
            await project.client.query(dependents);
            try {
                for (const [role, table] of [
                    ["postgres", renames],
                    ["supabase_admin", superuserRenames],
                ] as const) {
                    await snapshotAs(admin, role);
                    for (const [what, change] of table) {
                        await takenBack(admin, role, async () => {
                            await admin.query(change);
                            const { added } = await changesBothWays(admin, what);
                            assert.notDeepEqual(added, {}, what);
                            if (await asksForAll(admin)) all.push(what);
                        });
                    }
                }
            } finally {
                await project.client.query(noDependents);
            }
            assert.deepEqual(all, ["a schema", "a role", "what an extension brings"]);
        });

        it("a look at the versions of all rows finds none written when rows come and go and time goes by", async () => {
            const { client } = project;
            await takeSnapshot(client);
            await client.query(
                "insert into app.base select generate_series(1, 1000); delete from app.base where a < 500",
            );
            await client.query("analyze app.base");
            await client.query("vacuum app.base");
            await client.query("select nextval('app.counter')");
            for (const one of [client, await project.connect()]) {
                assert.deepEqual((await one.query("select * from simulation_db.touched()")).rows, []);
            }
        });

        it("what somebody changed goes into the next snapshot, and what an interrupted migration changed does not", async () => {
            const { client } = project;
            await client.query("comment on table app.base is 'Changed by somebody.'");
            await takeSnapshot(client);
            await snapshotIsOfNow(client);
            await client.query("drop index app.items_name; create index base_a on app.base (a)");
            await takeSnapshot(client, ["index app.items_name", "index app.base_a"]);
            const { rows } = await client.query(
                "select key from simulation_db.snapshot_entry where key in ('index app.items_name', 'index app.base_a')",
            );
            assert.deepEqual(rows, [{ key: "index app.items_name" }]);
            await takeSnapshot(client);
            await snapshotIsOfNow(client);
            await client.query("create index items_name on app.items (name); drop index app.base_a");
        });

        it("is all looked at again by a version of this tool that tells the catalog in other words", async () => {
            const { client } = project;
            // As one that did not know of policies has left it.
            await client.query(`
                create or replace function simulation_db.reader() returns bigint
                    language sql stable set search_path = ''
                    as $$ select hashtextextended(current_setting('server_version_num') || ' ' || current_user, 0) $$;
                comment on function simulation_db.catalog() is 'older'`);
            await takeSnapshot(client);
            await client.query("delete from simulation_db.snapshot_entry where key like 'policy %'");
            await ensureLedger(client);
            await takeSnapshot(client);
            await snapshotIsOfNow(client);
        });

        it("is not looked for again while nobody has written anything on the server", async () => {
            const { client } = project;
            const taken = async () =>
                (await client.query("select taken_at, xmin from simulation_db.snapshot where last is not null")).rows;
            await takeSnapshot(client);
            await withSession(project.environment, "test", async session => {
                const migration = { version: "0001", slug: "quiet", ...quietParts };
                await apply(session, migration, await readLedger(session.client), () => {});
                const before = await taken();
                assert.equal(before.length, 1, "a migration leaves a snapshot that holds everything");
                await takeSnapshot(session.client);
                assert.deepEqual(await taken(), before);
                await snapshotIsOfNow(session.client);
                await rollBack(session, migration, await readLedger(session.client), () => {});
                const after = await taken();
                assert.equal(after.length, 1, "its rollback does so as well");
                await takeSnapshot(session.client);
                assert.deepEqual(await taken(), after);
                await snapshotIsOfNow(session.client);
            });
        });

        for (const [what, change] of [
            ["before it and ended after it", "comment on table app.base is 'Meanwhile.'"],
            [
                "before it, in a part of its own,",
                "savepoint one; comment on table app.base is 'Then.'; release savepoint one",
            ],
        ] as const) {
            it(`what a transaction changed that began ${what} goes into the next snapshot`, async () => {
                const other = await project.connect();
                await other.query(`begin; ${change}`);
                await takeSnapshot(project.client);
                await other.query("commit");
                await takeSnapshot(project.client);
                await snapshotIsOfNow(project.client);
            });
        }

        it("what others changed while a migration ran goes into the snapshot after it or the next one", async () => {
            const other = await project.connect();
            await withSession(project.environment, "test", async session => {
                const migration = {
                    version: "0001",
                    slug: "waits",
                    ...quietParts,
                    up: `select pg_advisory_xact_lock(7);\n${quietParts.up}`,
                };
                await other.query("begin; select pg_advisory_xact_lock(7); create table app.meanwhile (id bigint)");
                const applied = apply(session, migration, await readLedger(session.client), () => {});
                const waits = "select from pg_locks where locktype = 'advisory' and not granted";
                await until("it waits", async () => (await project.client.query(waits)).rows.length > 0);
                await other.query("commit");
                await other.query("comment on table app.owners is 'Later.'");
                await applied;
                await takeSnapshot(session.client);
                await snapshotIsOfNow(session.client);
                await rollBack(session, migration, await readLedger(session.client), () => {});
            });
            await other.query("drop table app.meanwhile; comment on table app.owners is null");
        });

        it("is the same where savepoints, blocks with exceptions and hundreds of statements wrote it", async () => {
            const { admin } = project;
            await snapshotAs(admin, "postgres");
            await takenBack(admin, "postgres", async () => {
                await admin.query(`
                    savepoint one; create table app.gone (id bigint); comment on table app.base is 'Gone.'; rollback to savepoint one;
                    savepoint two; create table app.stays (id bigint); release savepoint two;
                    do $$ begin
                        create table app.gone (id bigint);
                        raise exception 'x';
                    exception when raise_exception then
                        create index stays_id on app.stays (id);
                    end $$;
                    do $$ begin
                        for number in 1 .. 300 loop
                            execute format('create table app.many_%s (id bigint primary key)', number);
                            begin
                                execute format('drop table app.many_%s', number);
                                if number % 3 > 0 then raise exception 'x'; end if;
                            exception when raise_exception then
                                execute format('alter table app.many_%s add column name text', number);
                            end;
                        end loop;
                    end $$`);
                const { added, removed } = await changesBothWays(admin, "savepoints");
                assert.deepEqual(removed, {});
                assert.equal(Object.keys(added).filter(key => /^table app\.many_/.test(key)).length, 200);
                assert.ok("index app.stays_id" in added && !("table app.gone" in added));
            });
        });

        it("is looked for everywhere when the server does not count what is written", async () => {
            const { admin } = project;
            await snapshotAs(admin, "postgres");
            await takenBack(admin, "postgres", async () => {
                await admin.query("reset role; set local track_counts = off; set local role postgres");
                await admin.query("create table app.uncounted (id bigint)");
                assert.ok("table app.uncounted" in (await changesBothWays(admin, "uncounted")).added);
            });
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
                    await withSession(project.environment, "test", async session => {
                        const ledger = () => readLedger(session.client);
                        await apply(session, migration, await ledger(), () => {});
                        await snapshotIsOfNow(session.client);
                        await project.client.query(meanwhile);
                        await rollBack(session, migration, await ledger(), () => {});
                        assert.deepEqual(await ledger(), []);
                        // Others' changes elsewhere are found by the next look.
                        if (meanwhile.startsWith("comment")) await takeSnapshot(session.client);
                        await snapshotIsOfNow(session.client);
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
