import { join } from "node:path";
import { type MigrationFolder, migrationFolder } from "./runner/folder.ts";
import type { Benchmark } from "./support/benchmark.ts";
import { type Environment, projectCopies } from "./support/copies.ts";
import { addTables } from "./support/database.ts";
import { atDistance } from "./support/distance.ts";
import { compileCache, runNode, runnerMain } from "./support/node.ts";
import { inRounds } from "./support/rounds.ts";
import { type Aim, atMostTimes, row } from "./support/row.ts";

/** Tables that are there before the first migration. */
const tablesBefore = 50;

/** How far away a server is that is not beside the runner: a region of the same continent. */
const awayMs = 20;
const away = `${awayMs} ms away`;

const floor = join(import.meta.dirname, "runner", "floor.ts");
const connect = join(import.meta.dirname, "runner", "connect.ts");

/** What is reported, in this order. */
interface Figure {
    readonly name: string;
    readonly against?: string;
    readonly aim?: Aim;
}

const figures: readonly Figure[] = [
    { name: "apply: plain Node and pg" },
    { name: "apply: this project", against: "apply: plain Node and pg", aim: atMostTimes(2) },
    { name: "nothing to do: plain Node and pg" },
    { name: "nothing to do: this project", against: "nothing to do: plain Node and pg" },
    { name: "roll back all: this project", against: "apply: plain Node and pg" },
    { name: `${away}, apply: plain Node and pg` },
    { name: `${away}, apply: this project`, against: `${away}, apply: plain Node and pg` },
    { name: `${away}, roll back all: this project`, against: `${away}, apply: plain Node and pg` },
    { name: "process: node -e 0" },
    { name: "process: Node with a connection", against: "process: node -e 0" },
    { name: "process: migrate up --stdin, applied already", against: "process: Node with a connection" },
    { name: "process: migrate up --stdin, the first of a database", against: "process: Node with a connection" },
    { name: "process: migrate up --stdin, a new one", against: "process: Node with a connection" },
];

/** Milliseconds by figure. */
type Times = Readonly<Record<string, number>>;

export const benchmark: Benchmark = {
    about: "The runner alone: many small migrations in one run, and one process per migration.",
    minutes: { full: 4, quick: 1 },

    async measure({ quick, say }) {
        const count = quick ? 10 : 100;
        const migrations = await migrationFolder(count);
        const copies = await projectCopies({ keep: true });
        try {
            const onCopy = (work: (environment: Environment) => Promise<Times>) => () =>
                copies.onCopy(async environment => {
                    await addTables(environment, tablesBefore);
                    return await work(environment);
                });
            const beside = (work: (run: Run) => Promise<Times>) =>
                onCopy(environment => work(runIn(migrations, environment)));
            const fromAway = (work: (run: Run) => Promise<Times>) =>
                onCopy(async environment => {
                    const times = await atDistance(environment, awayMs, there => work(runIn(migrations, there)));
                    return Object.fromEntries(Object.entries(times).map(([name, ms]) => [`${away}, ${name}`, ms]));
                });
            const rounds = await inRounds(
                3,
                new Map([
                    ["plain Node and pg", beside(plain)],
                    ["this project", beside(thisProject)],
                    ["plain Node and pg, from away", fromAway(plain)],
                    ["this project, from away", fromAway(thisProject)],
                    ["processes", beside(run => processes(run, migrations.onStdin))],
                ]),
                say,
            );
            const all = [...rounds.values()].flat();
            const samples = (name: string) => all.flatMap(times => times[name] ?? []);
            return {
                versions: { postgresql: copies.version, migrations: String(count), tables: String(tablesBefore) },
                rows: figures.map(({ name, against, aim }) =>
                    row(name, "ms", samples(name), {
                        ...(against ? { against: { name: against, samples: samples(against) } } : {}),
                        ...(aim ? { aim } : {}),
                    }),
                ),
            };
        } finally {
            await copies.stop();
            await migrations.remove();
        }
    },
};

/** Runs Node and says how long that took, in milliseconds. */
type Run = (args: readonly string[], stdin?: string) => Promise<number>;

function runIn({ folder }: MigrationFolder, environment: Environment): Run {
    const env = { ...environment, ...compileCache };
    return async (args, stdin = "") => (await runNode(args, { cwd: folder, env, stdin })).tookMs;
}

async function plain(run: Run): Promise<Times> {
    return {
        "apply: plain Node and pg": await run([floor]),
        "nothing to do: plain Node and pg": await run([floor]),
    };
}

async function thisProject(run: Run): Promise<Times> {
    return {
        "apply: this project": await run([runnerMain, "migrate", "up"]),
        "nothing to do: this project": await run([runnerMain, "migrate", "up"]),
        "roll back all: this project": await run([runnerMain, "migrate", "down", "--to", "0000"]),
    };
}

/** Of a database's first migration the runner looks at the whole catalog, of each later one at what has changed. */
async function processes(run: Run, [first, second]: readonly string[]): Promise<Times> {
    const up = (migration: string | undefined) => run([runnerMain, "migrate", "up", "--stdin"], migration);
    // The ledger is made before: that happens once in the life of a database.
    await run([runnerMain, "migrate", "up", "--to", "0000"]);
    return {
        "process: node -e 0": await run(["-e", "0"]),
        "process: Node with a connection": await run([connect]),
        "process: migrate up --stdin, the first of a database": await up(first),
        "process: migrate up --stdin, a new one": await up(second),
        "process: migrate up --stdin, applied already": await up(second),
    };
}
