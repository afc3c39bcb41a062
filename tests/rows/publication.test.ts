import assert from "node:assert/strict";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

const act = (up: string, down: string) => ({ up, down, verify: "select 1;" });

for (const major of [15, 17] as const) {
    describe(`a publication of all tables (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major, settings: { wal_level: "logical" } });
            project = await sqlProject(cluster, {
                "0001_name": act(
                    "alter table public.items add column name text;",
                    "alter table public.items drop column name;",
                ),
                "0002_more": act("create table public.more (id integer primary key);", "drop table public.more;"),
                "0003_owner": act(
                    "alter table public.items alter owner drop not null;",
                    "-- archive-rows: public.items where owner is null\nalter table public.items alter owner set not null;",
                ),
                "0004_note": act(
                    "alter table public.large add column note text;",
                    "alter table public.large drop column note;",
                ),
            });
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        it("does not keep rows and columns from coming back, though the archive has no keys", async () => {
            await project.admin.query("create publication everything for all tables");
            await project.client.query(`
                create table public.items (id integer primary key, owner integer not null);
                create table public.large (id integer primary key, filler text);
                alter table public.large alter filler set storage plain;
                insert into public.large select n, repeat('x', 7900) from generate_series(1, 8600) as n`);
            await project.must("migrate up");
            await project.client.query(`
                insert into public.items values (1, 1, 'a'), (2, null, 'b');
                insert into public.more values (1);
                update public.large set note = id where id < 4`);
            await project.must("migrate down --to 0000");
            const { stderr } = await project.must("migrate up");
            assert.doesNotMatch(stderr, /could not/);
            const { rows } = await project.client.query(`
                select format('%s %s %s', id, owner, name) as row from public.items
                union all select id::text from public.more
                union all select format('%s %s', id, note) from public.large where note is not null order by 1`);
            assert.deepEqual(
                rows.map(({ row }) => row),
                ["1", "1 1", "1 1 a", "2  b", "2 2", "3 3"],
            );
        });
    });
}
