import assert from "node:assert/strict";
import type { PostgresMajor } from "../../local/cluster.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { smallPlan } from "../stack/smallPlan.ts";
import { type Snapshot, takeSnapshot } from "../stack/snapshot.ts";
import { descendants, kill } from "./processes.ts";
import { type Tripwire, tripwire } from "./tripwire.ts";

/** Who is killed, by what it was started with. */
const victims = {
    engine: /^\S*pulumi (up|destroy) /,
    "command plugin": /toolchain\/standin\/command\.ts /,
    "postgresql plugin": /toolchain\/standin\/postgresql\.ts /,
    "language host": /pulumi-language-nodejs /,
    program: /@pulumi\/pulumi\/cmd\/run/,
    everything:
        /^\S*pulumi (up|destroy) |toolchain\/standin|pulumi-language-nodejs |@pulumi\/pulumi\/cmd\/run|runner\/main\.ts/,
} as const;

export type Victim = keyof typeof victims;

/**
 * A kill in the middle of an update: of whom, and after which part of all that the update asks the database; or when
 * such a statement runs; of the plugin that itself runs it, after the commit that follows.
 */
export type EngineKill = readonly [victim: Victim, moment: number | RegExp];

/** One after the other: an up that is killed and what is run next, or a destroy. */
export interface EngineFault {
    readonly kill: EngineKill;
    readonly during: "up" | "destroy";
    readonly then: "up" | "destroy";
}

/** Kills in updates of a small stack, one after the other. Between them it is brought to where the next one begins. */
export function engineSweep(major: PostgresMajor, faults: readonly EngineFault[]): void {
    describe(`the engine and its plugins killed in the middle (PostgreSQL ${major})`, function () {
        this.timeout(300_000);
        let kills = 0;
        let recovered = 0;
        /** Of the small plan, by user's rows that must come back each time. */
        const notes: string[] = [];
        let target: StackTarget;
        let wire: Tripwire;
        let project: StackProject;
        let untouched: Snapshot;
        let applied: Snapshot;
        let resources: readonly string[];
        let isUp = false;
        /** How often an update that nobody disturbs asks the database. */
        const trips = { up: 0, destroy: 0 };

        before(async () => {
            target = await stackTarget({ major });
            wire = await tripwire(target.cluster);
            untouched = await takeSnapshot(target.admin);
            project = await stackProject({
                environment: { ...target.environment, PGPORT: String(wire.port) },
                sql: smallPlan,
            });
            await project.newStack("dev", { databaseHost: "embedded", storageUrl: "embedded", backup: "off" });
            trips.up = await tripsOf("up");
            applied = timeless(await takeSnapshot(target.admin));
            resources = await project.resources();
            trips.destroy = await tripsOf("destroy");
        });
        after(async () => {
            await wire?.close();
            await project?.remove();
            await target?.stop();
        });

        for (const { kill: victim, during, then } of faults) {
            it(`${during} without its ${victim[0]} after ${when(victim)}, then ${then}: ${then === "up" ? "all is there, once" : "nothing is left"}`, async () => {
                if (isUp === (during === "up")) await project.must(isUp ? "destroy" : "up", "--yes", "--skip-preview");
                await killDuring(during, victim);
                const said = await project.clearInterrupted(then);
                assert.match(said.join("\n"), /The last update did not come to its end/);
                const { output } = await project.must(then, "--yes", "--skip-preview");
                assert.doesNotMatch(output, /pending operations/);
                isUp = then === "up";
                if (isUp) await isApplied();
                else await isGone();
                recovered += 1;
            });
        }

        it("counts", function () {
            assert.equal(kills, faults.length);
            assert.equal(recovered, kills);
            if (this.test) this.test.title = `${kills} kills, ${recovered} recovered`;
        });

        async function tripsOf(verb: "up" | "destroy"): Promise<number> {
            onceBegun(verb, () => wire.arm(Number.MAX_SAFE_INTEGER, "passing", () => {}));
            await project.must(verb, "--yes", "--skip-preview");
            return wire.disarm().trips.length;
        }

        /** An up looks at the database for a while before it begins with its claim. */
        function onceBegun(verb: "up" | "destroy", act: () => void): void {
            if (verb === "up") wire.arm(/^insert into simulation_db\.claim/, "passing", act);
            else act();
        }

        async function killDuring(verb: "up" | "destroy", [victim, moment]: EngineKill): Promise<void> {
            let killed: readonly number[] = [];
            const act = () => {
                killed = killVictim(victim);
            };
            if (typeof moment === "number") {
                onceBegun(verb, () => wire.arm(Math.ceil(trips[verb] * moment), "passing", act));
            }
            // Who is not killed goes on with what it has begun: the plugin, and the runner that it has started.
            else if (victim !== "postgresql plugin") wire.arm(moment, "passing", act);
            else wire.arm(moment, "passing", () => wire.arm(/^commit/, "answer", act));
            const { output } = await project[verb]();
            const { caught } = wire.disarm();
            assert.ok(caught && killed.length > 0, `no ${victim} was killed:\n${output}`);
            kills += 1;
        }

        async function isApplied(): Promise<void> {
            assert.deepEqual(timeless(await takeSnapshot(target.admin)), applied);
            assert.deepEqual((await project.resources()).toSorted(), resources.toSorted());
            const { rows } = await target.admin.query("select text from public.notes order by text");
            assert.deepEqual(
                rows.map(({ text }) => text),
                notes.toSorted(),
            );
            // Each up is followed by a down of the same, and the last one by none.
            assert.deepEqual(await surplus(), { "0001": 1, "0002": 1, "0003": 1 });
            notes.push(`note ${notes.length}`);
            await target.admin.query("insert into public.notes (text) values ($1)", notes.slice(-1));
        }

        async function isGone(): Promise<void> {
            assert.deepEqual(await takeSnapshot(target.admin), untouched);
            assert.deepEqual(await project.resources(), []);
            assert.deepEqual(await surplus(), { "0001": 0, "0002": 0, "0003": 0 });
        }

        /** How many more times than down each migration went up. */
        async function surplus(): Promise<Record<string, number>> {
            const { rows } = await target.admin.query(
                "select version, sum(case action when 'up' then 1 else -1 end)::int as more from simulation_db.history group by version",
            );
            return Object.fromEntries(rows.map(({ version, more }) => [version, more]));
        }
    });
}

/** @returns their numbers */
export function killVictim(victim: Victim): number[] {
    const all = descendants(process.pid).filter(({ command }) => victims[victim].test(command));
    for (const { pid } of all) kill(pid);
    return all.map(({ pid }) => pid);
}

/** The bucket is another one each time, made at another time. */
function timeless({ rows, ...rest }: Snapshot): Snapshot {
    const buckets = (rows["storage.buckets"] ?? []).map(line =>
        line.replaceAll(/"(created|updated)_at": "[^"]*"/g, ""),
    );
    return { ...rest, rows: { ...rows, "storage.buckets": buckets } };
}

function when([, moment]: EngineKill): string {
    return typeof moment === "number" ? `${Math.round(moment * 100)} %` : `"${moment.source}"`;
}
