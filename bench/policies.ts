import pg from "pg";
import { type Measured, policiesGround } from "./policies/ground.ts";
import { cases, type Case } from "./policies/cases.ts";
import type { Benchmark } from "./support/benchmark.ts";
import { inRounds } from "./support/rounds.ts";
import { row } from "./support/row.ts";

/** How often a statement is run in a round, after one run that fills caches; the median of these is one sample. */
const repeats = { count: 7, listing: 15, point: 101, write: 51 } as const;

export const benchmark: Benchmark = {
    about: "What row level security costs in the server: listing, count, point read and writes on a large table.",
    minutes: { full: 8, quick: 1 },

    async measure({ quick, say }) {
        const rows = quick ? 100_000 : 1_000_000;
        const ground = await policiesGround(rows, quick ? 500 : 5000);
        const client = new pg.Client(ground.connection);
        await client.connect();
        try {
            const rounds = await inRounds(
                quick ? 1 : 3,
                new Map(cases(ground.people).map(one => [one.name, () => medianMs(client, one, ground)])),
                say,
            );
            return {
                versions: { postgresql: ground.version, "rows in each table": String(rows) },
                rows: cases(ground.people).map(({ name, against, aim }) =>
                    row(name, "ms", rounds.get(name) ?? [], {
                        ...(against ? { against: { name: against, samples: rounds.get(against) ?? [] } } : {}),
                        ...(aim ? { aim } : {}),
                    }),
                ),
            };
        } finally {
            await client.end();
            await ground.stop();
        }
    },
};

/** What `explain (analyze, format json)` says; times in milliseconds. */
interface Explained {
    readonly Plan: { readonly "Actual Rows": number };
    readonly "Planning Time": number;
    readonly "Execution Time": number;
}

/** One case in a transaction that is taken back: the caller as the API has it, then the statement again and again. */
async function medianMs(client: pg.Client, one: Case, { login }: Measured): Promise<number> {
    const times: number[] = [];
    await client.query("begin");
    try {
        await client.query("select set_config('request.jwt.claims', $1, true)", [
            JSON.stringify({ role: "authenticated", sub: one.user }),
        ]);
        if (one.alone) await client.query("set local max_parallel_workers_per_gather = 0");
        await client.query(`set local role ${one.asUser ? "authenticated" : login}`);
        for (let run = 0; run <= repeats[one.kind]; run += 1) {
            // Planned each time, as an API does that does not prepare. The server's own clock: without the network.
            const { rows } = await client.query<{ "QUERY PLAN": [Explained] }>(
                `explain (analyze, timing off, format json) ${one.sql}`,
            );
            const [explained] = rows[0]?.["QUERY PLAN"] ?? [];
            if (!explained?.Plan["Actual Rows"] && one.kind !== "write") throw new Error(`${one.name}: no row`);
            times.push((explained?.["Planning Time"] ?? Number.NaN) + (explained?.["Execution Time"] ?? Number.NaN));
        }
    } finally {
        await client.query("rollback");
    }
    const sorted = times.slice(1).toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
