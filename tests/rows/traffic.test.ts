import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { until } from "../support/sqlProject.ts";
import { Stage } from "./play.ts";

const run = promisify(execFile);

/** What one file of a table may grow to while the disk is "full": more than a segment of the log has, in bytes. */
const full = 24 * 2 ** 20;

for (const major of [15, 17] as const) {
    describe(`rows under way (PostgreSQL ${major})`, function () {
        this.timeout(60_000);
        let cluster: TestCluster;
        let stage: Stage;
        before(async () => {
            cluster = await testCluster({ major });
            stage = await Stage.open(cluster);
        });
        after(async () => {
            await stage?.close();
            await cluster?.stop();
        });

        for (const [what, acts, write] of [
            [
                "a table",
                [
                    {
                        up: "create table public.items (id integer primary key, name text);",
                        down: "drop table public.items;",
                    },
                ],
                "insert into public.items values (2, 'late')",
            ],
            [
                "columns",
                [
                    {
                        up: "create table public.items (id integer primary key);\ninsert into public.items values (2);",
                        down: "drop table public.items;",
                    },
                    {
                        up: "alter table public.items add column name text;",
                        down: "alter table public.items drop column name;",
                    },
                ],
                "update public.items set name = 'late' where id = 2",
            ],
        ] as const) {
            it(`a transaction that has written to ${what} and not committed yet loses nothing`, () =>
                stage.play({ acts }, async play => {
                    await play.client.query("insert into public.items values (1, 'early')");
                    const other = await stage.project.connect();
                    await other.query(`begin; ${write}`);
                    const going = play.down(1);
                    await until("down waits for it", async () => {
                        const { rows } = await stage.project.admin.query("select from pg_locks where not granted");
                        return rows.length > 0;
                    });
                    await other.query("commit");
                    await going;
                    await play.up();
                    assert.deepEqual(await play.rows("public.items"), ["(1,early)", "(2,late)"]);
                }));
        }

        it("no space for the archive: the down is taken back, nothing is lost, and later it goes well", async function () {
            const { rows: session } = await stage.project.admin.query(
                "select pid from pg_stat_activity where datname = current_database() and application_name like 'simulation-db test%'",
            );
            const limit = (bytes: number | "unlimited") =>
                run("prlimit", ["--pid", String(session[0].pid), `--fsize=${bytes}`]);
            try {
                await limit("unlimited");
            } catch {
                // Not on this system; and only for processes of one's own.
                this.skip();
            }
            await stage.play(
                {
                    acts: [
                        {
                            up: "create table public.items (id integer primary key, text text);",
                            down: "drop table public.items;",
                        },
                    ],
                },
                async play => {
                    await play.client.query(`insert into public.items
                        select n, (select string_agg(md5(n::text || m::text), '') from generate_series(1, 50) as m) from generate_series(1, 20000) as n`);
                    await limit(full);
                    await assert.rejects(play.down(), /could not extend file .*File too large|No space left/);
                    await limit("unlimited");
                    assert.deepEqual(await play.archive(), []);
                    const { rows } = await play.client.query("select count(*)::int as count from public.items");
                    assert.equal(rows[0].count, 20_000);

                    await play.again();
                    const { rows: after } = await play.client.query("select count(*)::int as count from public.items");
                    assert.equal(after[0].count, 20_000);
                },
            );
        });
    });
}
