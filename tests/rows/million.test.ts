import assert from "node:assert/strict";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

const rows = 1_000_000;

for (const major of [15, 17] as const) {
    describe(`a million rows (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
            project = await sqlProject(cluster, {
                "0001_items": {
                    up: "create table public.items (id integer primary key, name text, size numeric, at timestamptz);",
                    down: "drop table public.items;",
                },
                "0002_column": {
                    up: "alter table public.items add column note text;",
                    down: "alter table public.items drop column note;",
                    verify: "select note from public.items limit 0;",
                },
            });
        });
        after(async () => {
            await project?.remove();
            await cluster?.stop();
        });

        it("go down and come back with every value, and never pass through the runner", async function () {
            const idle = (await watched(project, "migrate up")).peakMb;
            await project.client.query(`insert into public.items
            select n, 'name ' || n, n / 7.0, timestamptz '2020-01-01 00:00+00' + n * interval '1 second', case when n % 2 = 0 then 'note ' || n end
            from generate_series(1, ${rows}) as n; analyze public.items`);
            const before = await sum(project);
            const down = await watched(project, "migrate down --to 0000");
            const up = await watched(project, "migrate up");
            assert.deepEqual(await sum(project), before);
            assert.equal((await project.admin.query("select from simulation_db.archive")).rowCount, 0);
            console.log(
                `      ${rows} rows: down ${(down.tookMs / 1000).toFixed(1)} s, up ${(up.tookMs / 1000).toFixed(1)} s; ` +
                    `the runner had at most ${idle} MB without rows, ${down.peakMb} MB on the way down, ${up.peakMb} MB on the way up`,
            );
            if (idle > 0) assert.ok(Math.max(down.peakMb, up.peakMb) < idle + 40, "the rows passed through the runner");
        });
    });
}

/** Number and checksum of the rows. */
async function sum({ client }: SqlProject): Promise<unknown> {
    const { rows } = await client.query(
        "select count(*), sum(hashtextextended(each::text, 0)::numeric) from public.items as each",
    );
    return rows[0];
}

/**
 * Prints at the end of a process how much memory it had at most. `process.resourceUsage().maxRSS` would say how much the
 * one had that started it, where that was more.
 */
const spy = `
import { readFileSync } from "node:fs";
process.on("exit", () => {
    if (process.platform === "linux") process.stderr.write(/VmHWM:.*\\n/.exec(readFileSync("/proc/self/status", "utf8"))[0]);
});
`;

/** Runs to the end, and tells how much memory the process had at most; 0 where the system does not tell. */
async function watched(project: SqlProject, command: string): Promise<{ tookMs: number; peakMb: number }> {
    const { code, output, stderr, tookMs } = await project.run(command, {
        env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(spy)}` },
    });
    assert.equal(code, 0, output);
    const [, peakKb = 0] = /^VmHWM:\s+(\d+) kB$/m.exec(stderr) ?? [];
    if (process.platform === "linux") assert.notEqual(peakKb, 0, output);
    return { tookMs, peakMb: Math.round(Number(peakKb) / 1024) };
}
