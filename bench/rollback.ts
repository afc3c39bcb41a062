import { keptRows, type RowCase, rowCases } from "./rollback/cases.ts";
import { longestRead, longestWrite } from "./rollback/waits.ts";
import { withMigration } from "./rollback/withMigration.ts";
import type { Benchmark } from "./support/benchmark.ts";
import { type Environment, projectCopies } from "./support/copies.ts";
import { addTables } from "./support/database.ts";
import { inRounds } from "./support/rounds.ts";
import { atMost, atMostTimes, row } from "./support/row.ts";
import { timed } from "./support/timed.ts";

/** The runner's lock timeout: nobody else waits longer behind one of its statements, in milliseconds. */
const lockTimeoutMs = 300;

/** Milliseconds of one round. */
interface Times {
    readonly copied: number;
    /** Of the rows, by a plain statement, to where they have been. */
    readonly written: number;
    readonly down: number;
    readonly up: number;
}

const copied = (what: string) => `create table as of the rows: ${what}`;
const down = (what: string) => `down, rows archived: ${what}`;
const written = (what: string) => `plain insert or update of the rows: ${what}`;
const up = (what: string) => `up again, rows put back: ${what}`;
const waiting = (tables: number) => `longest wait of a reader of the table that down changes, ${tables} more tables`;

/** Who writes, to what is there, while columns of it leave and come back. */
const writers = rowCases
    .filter(({ before }) => before !== "select")
    .flatMap(one => {
        const name = (doing: string) => `longest wait of a writer while they ${doing}: ${one.what}`;
        return [
            { one, way: "down", hasTrigger: false, name: name("leave") },
            { one, way: "up", hasTrigger: false, name: name("come back") },
            { one, way: "up", hasTrigger: true, name: `${name("come back")}, with a trigger` },
        ] as const;
    });

export const benchmark: Benchmark = {
    about: "A rollback with a million rows to keep, the way back, and who waits meanwhile.",
    minutes: { full: 8, quick: 1 },

    async measure({ quick, say }) {
        const count = quick ? 100_000 : 1_000_000;
        const tables = [50, 500];
        const copies = await projectCopies({ settings: { max_wal_size: "8GB", checkpoint_timeout: "1h" } });
        try {
            const there = await inRounds(
                3,
                new Map(
                    rowCases.map(one => [
                        one.what,
                        () => copies.onCopy(environment => thereAndBack(one, count, environment)),
                    ]),
                ),
                say,
            );
            const waits = await inRounds(
                quick ? 1 : 3,
                new Map(
                    tables.map(more => [
                        waiting(more),
                        () =>
                            copies.onCopy(async environment => {
                                await addTables(environment, more);
                                return await longestRead(environment);
                            }),
                    ]),
                ),
                say,
            );
            const writes = await inRounds(
                quick ? 1 : 3,
                new Map(
                    writers.map(({ name, ...beside }) => [
                        name,
                        () => copies.onCopy(environment => longestWrite(beside, count, environment)),
                    ]),
                ),
                say,
            );
            return {
                versions: { postgresql: copies.version, rows: String(count) },
                rows: [
                    ...rowCases.flatMap(({ what }) => {
                        const samples = (which: keyof Times) => (there.get(what) ?? []).map(times => times[which]);
                        const against = { name: copied(what), samples: samples("copied") };
                        return [
                            row(copied(what), "ms", samples("copied")),
                            row(down(what), "ms", samples("down"), { against, aim: atMostTimes(2) }),
                            row(up(what), "ms", samples("up"), { against, aim: atMostTimes(2) }),
                            row(written(what), "ms", samples("written"), { against }),
                        ];
                    }),
                    ...writers.map(({ name }) =>
                        row(name, "ms", writes.get(name) ?? [], { aim: atMost(lockTimeoutMs, "ms") }),
                    ),
                    ...tables.map(more =>
                        row(waiting(more), "ms", waits.get(waiting(more)) ?? [], { aim: atMost(lockTimeoutMs, "ms") }),
                    ),
                ],
            };
        } finally {
            await copies.stop();
        }
    },
};

async function thereAndBack(one: RowCase, count: number, environment: Environment): Promise<Times> {
    return await withMigration(one.migration, environment, async (migrate, admin) => {
        await admin.query(one.before);
        await migrate("up");
        await admin.query(one.fill, [count]);
        await admin.query("vacuum analyze");
        const before = await keptRows(admin, one);
        const copy = () => admin.query(`create table public.copy as ${one.kept}`);
        const copiedMs = await timed(copy);
        await admin.query("drop table public.copy");
        const { tookMs: downMs } = await migrate("down");
        const { tookMs: upMs } = await migrate("up");
        if ((await keptRows(admin, one)) !== before) throw new Error(`${one.what}: the rows are not what they were`);
        await copy();
        await admin.query("vacuum full analyze public.samples");
        await admin.query(one.migration.down + one.migration.up);
        const writtenMs = await timed(() => admin.query(one.written));
        return { copied: copiedMs, written: writtenMs, down: downMs, up: upMs };
    });
}
