import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { obtainable, peers } from "./peers/all.ts";
import { timedCall } from "./peers/call.ts";
import type { Peer } from "./peers/peer.ts";
import { benchMigrations, type MigrationFolder, migrationFolder } from "./runner/folder.ts";
import type { Benchmark } from "./support/benchmark.ts";
import { type Environment, projectCopies } from "./support/copies.ts";
import { addTables, clientConfig, databaseUrl } from "./support/database.ts";
import { compileCache, runNode, runnerMain } from "./support/node.ts";
import { inRounds } from "./support/rounds.ts";
import { atMostTimes, type Row, row } from "./support/row.ts";

/** Each makes one table and one index. */
const migrationCount = 100;

/** Tables that are there before the first migration. */
const tablesBefore = 50;

const ours = "this project";

/** What is promised to be slower than we are; the programs in Go start at once and check nothing. */
const promised: readonly string[] = ["node-pg-migrate", "Supabase CLI"];

/** What one run of a tool took, in milliseconds. */
interface Times {
    readonly apply: number;
    readonly "nothing to do": number;
    /** Without the start of a process; only where the tool is a library for Node. */
    readonly "library call"?: number;
}

const what = ["apply", "nothing to do", "library call"] as const;

export const benchmark: Benchmark = {
    about: "The runner alone beside other tools: the same 100 migrations, each tool at its best fair setting.",
    minutes: { full: 6, quick: 1 },

    async measure({ quick, say }) {
        const { found, leftOut } = await obtainable(peers, say);
        const home = await mkdtemp(join(tmpdir(), "simulation-db-peers-"));
        const migrations = await migrationFolder(migrationCount);
        const copies = await projectCopies({ keep: true });
        try {
            for (const peer of found) await peer.layOut(join(home, peer.name), benchMigrations(migrationCount));
            const onCopy = <T>(work: (environment: Environment) => Promise<T>) =>
                copies.onCopy(async environment => {
                    await addTables(environment, tablesBefore);
                    const result = await work(environment);
                    await requireApplied(environment);
                    return result;
                });
            const rounds = await inRounds<Times>(
                quick ? 1 : 5,
                new Map([
                    [ours, () => timesOfOurs(migrations, onCopy)],
                    ...found.map(peer => [peer.name, () => timesOf(peer, join(home, peer.name), onCopy)] as const),
                ]),
                say,
            );
            return {
                versions: {
                    postgresql: copies.version,
                    ...Object.fromEntries(found.map(({ name, version }) => [name, version])),
                    migrations: String(migrationCount),
                    tables: String(tablesBefore),
                },
                rows: what.flatMap(one => rowsOf(one, found, rounds)),
                leftOut,
            };
        } finally {
            await copies.stop();
            await migrations.remove();
            await rm(home, { recursive: true, force: true });
        }
    },
};

/** No figure of a tool that did not do the work. */
async function requireApplied(environment: Environment): Promise<void> {
    const client = new pg.Client(clientConfig(environment));
    await client.connect();
    try {
        const { rows } = await client.query<{ count: number }>(
            "select count(*)::integer as count from pg_tables where schemaname = 'public' and tablename ~ '^bench_'",
        );
        if (rows[0]?.count !== migrationCount)
            throw new Error(`${rows[0]?.count} of ${migrationCount} tables are there`);
    } finally {
        await client.end();
    }
}

type OnCopy = <T>(work: (environment: Environment) => Promise<T>) => Promise<T>;

async function timesOf(peer: Peer, folder: string, onCopy: OnCopy): Promise<Times> {
    const { applyInNode } = peer;
    const process = await onCopy(async environment => ({
        apply: await peer.applyAll(folder, databaseUrl(environment)),
        "nothing to do": await peer.applyAll(folder, databaseUrl(environment)),
    }));
    if (!applyInNode) return process;
    return { ...process, "library call": await onCopy(env => applyInNode(folder, databaseUrl(env))) };
}

async function timesOfOurs({ folder }: MigrationFolder, onCopy: OnCopy): Promise<Times> {
    return {
        ...(await onCopy(async environment => {
            const up = async () =>
                (
                    await runNode([runnerMain, "migrate", "up"], {
                        cwd: folder,
                        env: { ...environment, ...compileCache },
                    })
                ).tookMs;
            return { apply: await up(), "nothing to do": await up() };
        })),
        "library call": await onCopy(environment => timedCall("ours.ts", folder, environment)),
    };
}

/** Each tool's own time, then ours beside each. */
function rowsOf(one: keyof Times, found: readonly Peer[], rounds: ReadonlyMap<string, readonly Times[]>): Row[] {
    const samples = (name: string) => (rounds.get(name) ?? []).flatMap(times => times[one] ?? []);
    const measured = found.filter(({ name }) => samples(name).length > 0);
    return [
        ...measured.map(({ name, setting }) =>
            row(`${one}: ${name}`, "ms", samples(name), setting ? { note: setting } : {}),
        ),
        ...measured.map(({ name }) =>
            row(`${one}: ${ours} beside ${name}`, "ms", samples(ours), {
                against: { name: `${one}: ${name}`, samples: samples(name) },
                ...(promised.includes(name) ? { aim: atMostTimes(1) } : {}),
            }),
        ),
    ];
}
