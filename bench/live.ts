import { setTimeout } from "node:timers/promises";
import { runDbmate } from "./live/dbmate.ts";
import { liveGround } from "./live/ground.ts";
import { besideIdleReader, idleMs } from "./live/idleReader.ts";
import { duringWhich, migrate, type Step } from "./live/migrate.ts";
import { runPgroll } from "./live/pgroll.ts";
import { runPlan } from "./live/plan.ts";
import { type Disturbance, underTraffic } from "./live/underTraffic.ts";
import { type LockWait, readLockWaits } from "./live/lockWaits.ts";
import { obtainable } from "./peers/all.ts";
import { dbmate } from "./peers/dbmate.ts";
import { pgrollPeer } from "./peers/install.ts";
import { pgrollVersion } from "./peers/pins.ts";
import type { Benchmark } from "./support/benchmark.ts";
import type { Environment } from "./support/copies.ts";
import { inRounds } from "./support/rounds.ts";
import { type Aim, atMost, type Row, row } from "./support/row.ts";
import { addTables } from "./support/database.ts";

/** The runner's default, in milliseconds: nobody waits longer behind one of its statements. */
const lockTimeoutMs = 300;
const aimAlone = atMost(60, "ms");
const aimBesideReader = atMost(lockTimeoutMs + 100, "ms");

/** How long the traffic is watched with nothing going on, in milliseconds. */
const quietMs = 8000;

/** What one run did to the traffic. */
interface Run extends Disturbance {
    /** The migration during which the longest stall was; null when that is not known. */
    readonly stallDuring: string | null;
    /** The longest that a client waited for somebody's lock, in milliseconds. */
    readonly lockMs: number;
    /** The migration during which that was; null when there was none. */
    readonly lockDuring: string | null;
    /** Statements per second while migrations of some kind were under way; null when it is not known when that was. */
    readonly perSecondDuring: (kind: RegExp) => number | null;
}

/** The copy of the project that a run may change. */
interface Place {
    readonly environment: Environment;
    /** The same with a superuser's login. */
    readonly superuser: Environment;
    readonly lockWaits: () => Promise<LockWait[]>;
}

/** A way to change the schema, and what it is measured against. */
interface Case {
    readonly name: string;
    readonly run: (place: Place) => Promise<Run>;
    /** Name of another case. */
    readonly against?: string;
    /** For the longest stall. */
    readonly aim?: Aim;
}

const quiet = "no migration";
const ours = "this project";
const planEach = "plan's SQL, statement by statement";
const planWhole = "plan's SQL, one transaction";
const dbmateSafe = "dbmate, this project's SQL";
const pgroll = "pgroll, its own operations";
/** Long work that others go on beside: what it costs them is told of each. */
const longWork = new Map([
    ["indexes are built", /_index(es)?$/],
    ["constraints are validated", /_validated$/],
]);
const withReader = (name: string) => `${name}, idle reader`;

const cases: readonly Case[] = [
    { name: quiet, run: place => felt(place, () => setTimeout(quietMs, [])) },
    { name: ours, run: place => felt(place, () => migrate(place.environment, "up")), against: quiet, aim: aimAlone },
    { name: planEach, run: place => felt(place, () => runPlan(place.environment, "each")), against: ours },
    { name: planWhole, run: place => felt(place, () => runPlan(place.environment, "whole")), against: ours },
    { name: dbmateSafe, run: place => felt(place, () => runDbmate(place.environment)), against: ours },
    { name: pgroll, run: place => felt(place, () => runPgroll(place.superuser)), against: ours },
];
const casesBesideReader = cases.slice(1).map(({ name, run, against = ours }) => ({
    name: withReader(name),
    run: (place: Place) => besideIdleReader(place.environment, () => run(place)),
    against: against === quiet ? quiet : withReader(against),
    ...(against === quiet ? { aim: aimBesideReader } : {}),
}));

/** What is rolled back had been applied quietly; the tables came later, from others. */
function rollBack(tables: number): Case {
    const run = async (place: Place) => {
        await migrate(place.environment, "up");
        await addTables(place.environment, tables);
        return await felt(place, () => migrate(place.environment, "down --to 0000"));
    };
    return { name: `roll back all, ${tables} more tables`, run, against: quiet, aim: aimAlone };
}

export const benchmark: Benchmark = {
    about: "The plan's migrations on a large table under traffic, beside the plan's own SQL, dbmate and pgroll.",
    minutes: { full: 20, quick: 3 },

    async measure({ quick, say }) {
        const size = quick ? 300_000 : 3_000_000;
        const tools = new Map([
            [dbmateSafe, { name: "dbmate", version: dbmate.version, install: dbmate.install }],
            [pgroll, { name: "pgroll", version: pgrollVersion, install: pgrollPeer }],
        ]);
        const { found, leftOut } = await obtainable([...tools.values()], say);
        const missing = [...tools].filter(([, tool]) => !found.includes(tool)).map(([name]) => name);
        const all = [...cases, ...casesBesideReader, rollBack(50), ...(quick ? [] : [rollBack(500)])];
        const chosen = all.filter(({ name }) => !missing.some(tool => name.startsWith(tool)));
        const ground = await liveGround(size);
        const onCopy = (run: Case["run"]) =>
            ground.onCopy((environment, superuser) => {
                const lockWaits = async () => readLockWaits(await ground.log(), environment.PGDATABASE ?? "");
                return run({ environment, superuser, lockWaits });
            });
        try {
            const runs = await inRounds(
                quick ? 1 : 3,
                new Map(chosen.map(({ name, run }) => [name, () => onCopy(run)])),
                say,
            );
            return {
                versions: {
                    postgresql: ground.version,
                    ...Object.fromEntries(found.map(({ name, version }) => [name, version])),
                    "rows in simulation_runs": String(size),
                },
                rows: chosen.flatMap(one => rowsOf(one, runs)),
                leftOut,
            };
        } finally {
            await ground.stop();
        }
    },
};

/** @param work returns when its migrations were through, when it knows */
async function felt({ environment, lockWaits }: Place, work: () => Promise<readonly Step[]>): Promise<Run> {
    let steps: readonly Step[] = [];
    const disturbance = await underTraffic(environment, async () => {
        steps = await work();
    });
    const waits = (await lockWaits()).toSorted((one, other) => other.tookMs - one.tookMs);
    const [longest] = waits;
    const during = (at: number) => (steps.length > 0 ? duringWhich(steps, at) : null);
    return {
        ...disturbance,
        stallDuring: during(disturbance.stalledAt),
        lockMs: longest?.tookMs ?? 0,
        lockDuring: longest ? during(longest.since) : null,
        perSecondDuring: kind => perSecondDuring(disturbance, steps, kind),
    };
}

/** From the end of the one before to the end of each, all of them together. */
function perSecondDuring({ from, completions }: Disturbance, steps: readonly Step[], kind: RegExp): number | null {
    const times = steps
        .map(({ migration, at }, index) => ({ migration, start: steps[index - 1]?.at ?? from, end: at }))
        .filter(({ migration }) => kind.test(migration));
    const seconds = times.reduce((sum, { start, end }) => sum + (end - start) / 1000, 0);
    const done = completions.filter(
        ({ ended, error }) => !error && times.some(({ start, end }) => ended > start && ended <= end),
    );
    return seconds > 0 ? done.length / seconds : null;
}

function rowsOf({ name, against, aim }: Case, all: ReadonlyMap<string, readonly Run[]>): Row[] {
    const runs = all.get(name) ?? [];
    const others = against === undefined ? undefined : all.get(against);
    const figure = (
        what: string,
        unit: string,
        of: (run: Run) => number,
        more: { aim?: Aim; note?: string; than?: (run: Run) => number } = {},
    ) =>
        row(`${name}: ${what}`, unit, runs.map(of), {
            ...more,
            ...(against && others ? { against: { name: against, samples: others.map(more.than ?? of) } } : {}),
            guarded: against === quiet,
        });
    const during = (which: (run: Run) => string | null) => {
        const places = [...new Set(runs.flatMap(run => which(run) ?? []))];
        return places.length > 0 ? { note: `during ${places.join(", ")}` } : {};
    };
    const refused = [...new Set(runs.flatMap(({ errors }) => errors))];
    const aimed = aim ? { aim } : {};
    return [
        figure("longest stall of a client", "ms", run => run.stallMs, { ...aimed, ...during(run => run.stallDuring) }),
        figure("longest wait for a lock", "ms", run => run.lockMs, {
            ...aimed,
            ...during(run => run.lockDuring),
        }),
        figure("worst SELECT", "ms", run => run.worstMs.select),
        figure("worst UPDATE", "ms", run => run.worstMs.update),
        figure("throughput", "statements/s", run => run.perSecond),
        ...[...longWork].flatMap(([what, kind]) => {
            const of = (run: Run) => run.perSecondDuring(kind) ?? Number.NaN;
            if (runs.some(run => Number.isNaN(of(run)))) return [];
            return [figure(`throughput while ${what}`, "statements/s", of, { than: run => run.perSecond })];
        }),
        row(
            `${name}: refused statements`,
            "",
            runs.map(({ errors }) => errors.length),
            {
                ...(aim ? { aim: atMost(0, "") } : {}),
                ...(refused.length > 0 ? { note: refused.join("; ") } : {}),
            },
        ),
        // Beside nothing at all it would be a ratio to how long that was watched.
        row(
            `${name}: total time`,
            "s",
            runs.map(({ tookMs }) => tookMs / 1000),
            {
                ...(against && against !== quiet && others
                    ? { against: { name: against, samples: others.map(({ tookMs }) => tookMs / 1000) } }
                    : {}),
                ...(name.endsWith(withReader("")) ? { note: `the reader stays ${idleMs / 1000} s` } : {}),
                guarded: false,
            },
        ),
    ];
}
