import { join } from "node:path";
import pg from "pg";
import type { Migration } from "../runner/migration/migration.ts";
import { rowCases } from "./rollback/cases.ts";
import { migrationFolder } from "./runner/folder.ts";
import type { Benchmark } from "./support/benchmark.ts";
import { type Environment, projectCopies } from "./support/copies.ts";
import { addTables, clientConfig } from "./support/database.ts";
import { peakMemory } from "./memory/peak.ts";
import { peaksOfProgram } from "./memory/program.ts";
import { root, runNode, runnerMain } from "./support/node.ts";
import { inRounds } from "./support/rounds.ts";
import { type Aim, atMost, row } from "./support/row.ts";

const aim = atMost(120, "MiB");

/** What the runner does, and how much is to be done. */
interface Case {
    readonly name: string;
    readonly aim?: Aim;
    /** @returns MiB */
    readonly run: (environment: Environment) => Promise<number>;
}

/** What a Node with a connection needs, whatever it does. */
const floor = "a connection and nothing else";

export const benchmark: Benchmark = {
    about: "The peak of memory of the runner and of the stack's program: with hundreds of migrations and tables, large files, millions of archived rows.",
    minutes: { full: 15, quick: 2 },

    async measure({ quick, say }) {
        const size = quick
            ? { migrations: 40, tables: 50, megabytes: [1, 5], rows: [10_000, 100_000], count: 1 }
            : { migrations: 400, tables: 500, megabytes: [1, 50], rows: [100_000, 5_000_000], count: 3 };
        const cases = casesOf(size);
        const copies = await projectCopies({ settings: { max_wal_size: "8GB", checkpoint_timeout: "1h" } });
        try {
            const rounds = await inRounds(
                size.count,
                new Map(cases.map(({ name, run }) => [name, () => copies.onCopy(run)])),
                say,
            );
            const of = (name: string) => rounds.get(name) ?? [];
            return {
                versions: { postgresql: copies.version },
                rows: [
                    ...cases.map(one =>
                        row(one.name, "MiB", of(one.name), {
                            ...(one.name === floor ? {} : { against: { name: floor, samples: of(floor) } }),
                            ...(one.aim ? { aim: one.aim } : {}),
                        }),
                    ),
                    ...(await peaksOfProgram(size, say)),
                ],
            };
        } finally {
            await copies.stop();
        }
    },
};

function casesOf(size: {
    readonly migrations: number;
    readonly tables: number;
    readonly megabytes: readonly number[];
    readonly rows: readonly number[];
}): Case[] {
    return [
        {
            name: floor,
            run: environment => inFolder(1, environment, ({ connect }) => connect()),
        },
        {
            name: `migrate up, ${size.migrations} migrations, ${size.tables} more tables`,
            aim,
            async run(environment) {
                await addTables(environment, size.tables);
                return await inFolder(size.migrations, environment, ({ migrate }) => migrate("up"));
            },
        },
        ...size.megabytes.map(megabytes => ({
            name: `migrate up --stdin, a file of ${megabytes} MB`,
            aim,
            run: (environment: Environment) =>
                inFolder([largeFile(megabytes)], environment, ({ migrate, onStdin: [first] }) =>
                    migrate("up --stdin", first),
                ),
        })),
        ...size.rows.flatMap(rows =>
            (["down", "up"] as const).map(direction => ({
                name: `migrate ${direction}, ${rows} rows in the archive`,
                aim,
                run: (environment: Environment) => archived(environment, rows, direction),
            })),
        ),
    ];
}

async function archived(environment: Environment, rows: number, direction: "down" | "up"): Promise<number> {
    const [table] = rowCases;
    if (!table) throw new Error("no case of a table");
    return await inFolder([table.migration], environment, async ({ migrate }) => {
        await migrate("up");
        const admin = new pg.Client(clientConfig(environment));
        await admin.connect();
        await admin.query(table.fill, [rows]).finally(() => admin.end());
        const peak = await migrate("down");
        return direction === "down" ? peak : await migrate("up");
    });
}

/** The way to a runner in a folder. Each returns the peak of a process in MiB. */
interface Place {
    readonly onStdin: readonly string[];
    readonly migrate: (what: string, stdin?: string) => Promise<number>;
    readonly connect: () => Promise<number>;
}

async function inFolder(
    migrations: number | readonly Migration[],
    environment: Environment,
    work: (place: Place) => Promise<number>,
): Promise<number> {
    const folder = await migrationFolder(migrations);
    const peakOf = (args: readonly string[], stdin = "") =>
        peakMemory(noting => runNode(args, { cwd: folder.folder, env: { ...environment, ...noting }, stdin }));
    try {
        return await work({
            onStdin: folder.onStdin,
            migrate: (words, stdin = "") => peakOf([runnerMain, "migrate", ...words.split(" ")], stdin),
            connect: () => peakOf([join(root, "bench", "runner", "connect.ts")]),
        });
    } finally {
        await folder.remove();
    }
}

/** One statement of so many rows after the other, as a dump of reference data is. */
function largeFile(megabytes: number): Migration {
    const value = "x".repeat(960);
    const lines: string[] = [];
    for (let number = 1; number <= megabytes * 1000; number += 1) {
        lines.push(`insert into public.large values (${number}, '${value}');`);
    }
    return {
        version: "0001",
        slug: "large",
        up: `-- Makes a table with much in it.\ncreate table public.large (id integer primary key, value text);\n${lines.join("\n")}\n`,
        down: "-- All is lost.\ndrop table public.large;\n",
        verify: "select 1;\n",
    };
}
