import assert from "node:assert/strict";
import type pg from "pg";
import type { PostgresMajor } from "../../local/cluster.ts";
import { decode, encode } from "../../runner/migration/migration.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type Run, type RunOutcome, type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { kill, killFamily, parentOf } from "./processes.ts";
import { Expectation, plan, world } from "./scene.ts";
import { type Side, type Tripwire, tripwire } from "./tripwire.ts";

/** What befalls a run. `kill its backend`: the server's process for its connection, on which the server restarts itself. */
export type Fault = "kill the runner" | "kill its backend" | "kill the server" | "cut the connection";

/** One command of the runner. */
export interface Leg {
    readonly command: string;
    /** Version of the migration on its stdin. */
    readonly stdin?: string;
    /** Whether that has another down than the folder. */
    readonly isMended?: boolean;
    /** What it adds to the history when it has come to its end, at once or at the second attempt: `up 0001`. */
    readonly does: readonly string[];
}

/** Which trips to the server are struck, and how. */
export interface Strike {
    readonly fault: Fault;
    readonly side: Side;
    /** The first one and every so many from there. Default: all. */
    readonly from?: number;
    readonly every?: number;
}

/** A far bound for a run that lost its server: it ends by itself, in milliseconds. */
const endsWithinMs = 30_000;

/** A database on which one command after the other is struck at one trip to the server after the other. */
export class Sweep {
    readonly expected = new Expectation();
    /** How many processes were killed with signal 9, and after how many of them the next run ended right. */
    kills = 0;
    recovered = 0;
    /** How often a connection was cut; each was healed, or the sweep has failed. */
    cuts = 0;
    /** Where it struck: how each trip began. */
    readonly struck = new Set<string>();
    readonly project: SqlProject;
    readonly #cluster: TestCluster;
    readonly #wire: Tripwire;
    #client: pg.Client;

    private constructor(cluster: TestCluster, project: SqlProject, wire: Tripwire) {
        this.#cluster = cluster;
        this.project = project;
        this.#wire = wire;
        this.#client = project.client;
    }

    /** Makes the server, the database and the way to it. The caller closes it. */
    static async open(major: PostgresMajor, settings: Readonly<Record<string, string>> = {}): Promise<Sweep> {
        const cluster = await testCluster({ major, settings });
        try {
            const project = await sqlProject(cluster, plan);
            await project.client.query(world);
            // With a ledger, and nothing in it.
            await project.must("migrate down");
            return new Sweep(cluster, project, await tripwire(cluster));
        } catch (error) {
            await cluster.stop();
            throw error;
        }
    }

    /** For the reporter. */
    summary(): string {
        const cuts = this.cuts === 0 ? "" : `; ${this.cuts} connections cut, ${this.cuts} healed`;
        return `${this.kills} kills, ${this.recovered} recovered${cuts}`;
    }

    async close(): Promise<void> {
        await this.#wire.close();
        await this.project.remove();
        await this.#cluster.stop();
    }

    /** Goes there and back, struck at the same trip each time and run again, until neither way has so many trips. */
    async thereAndBack(there: Leg, back: Leg, { fault, side, from = 1, every = 1 }: Strike): Promise<void> {
        let more = true;
        for (let nth = from; more; nth += every) {
            more = false;
            for (const leg of [there, back]) {
                const caught = await this.#strike(leg, nth, fault, side);
                const when = `${leg.command}: ${fault} at trip ${nth}: ${caught ?? "not so many"}`;
                if (caught !== undefined) await this.#must(leg, when);
                await this.#isRight(leg.does, when);
                if (caught !== undefined && fault !== "cut the connection") this.recovered += 1;
                more ||= caught !== undefined;
            }
        }
    }

    /** Goes one way, is struck, and turns round instead of trying again: all must be as it was before. Both ways. */
    async turnedRound(there: Leg, back: Leg, { fault, side, from = 1, every = 1 }: Strike): Promise<void> {
        let more = true;
        for (let nth = from; more; nth += every) {
            more = false;
            for (const [leg, other] of [
                [there, back],
                [back, there],
            ] as const) {
                const before = await this.project.history();
                const caught = await this.#strike(leg, nth, fault, side);
                const when = `${other.command} after ${leg.command}: ${fault} at trip ${nth}: ${caught ?? "not so many"}`;
                await this.#must(other, when);
                // It was struck before it had done its work, or after.
                const did = (await this.project.history()).slice(before.length);
                if (did.length > 0 || caught === undefined) assert.deepEqual(did, [...leg.does, ...other.does], when);
                await this.#isRight(did, when);
                if (caught !== undefined && fault !== "cut the connection") this.recovered += 1;
                more ||= caught !== undefined;

                await this.#must(leg, when);
                await this.#isRight(leg.does, when);
            }
        }
    }

    /** Goes one way, undisturbed. */
    async go(leg: Leg): Promise<void> {
        await this.#must(leg, leg.command);
        await this.#isRight(leg.does, leg.command);
    }

    /** Runs a leg that is struck at its nth trip. @returns how that trip began; undefined when it had not so many */
    async #strike(leg: Leg, nth: number, fault: Fault, side: Side): Promise<string | undefined> {
        const ending: { kill: () => void; server?: Promise<void> } = { kill: () => {} };
        this.#wire.arm(nth, side, backend => {
            if (fault === "kill the runner") ending.kill();
            else if (fault === "kill its backend") kill(backend);
            else if (fault === "kill the server") ending.server = killFamily(parentOf(backend));
            // What a process leaves when it is killed the system closes, and the proxy passes that on.
            else this.#wire.cut();
        });
        const run = this.#start(leg, this.#wire.port);
        if (fault === "kill the runner") ending.kill = () => run.child.kill("SIGKILL");
        const outcome = await run.outcome;
        const { trips, caught } = this.#wire.disarm();
        this.#wire.cut();
        if (!caught) {
            assert.ok(trips.length < nth, `trip ${nth} was missed`);
            assert.equal(outcome.code, 0, outcome.output);
            return undefined;
        }
        // Notices of the same trip may have come after it.
        const trip = trips[nth - 1] ?? "";
        this.struck.add(trip);
        if (fault === "cut the connection") this.cuts += 1;
        else this.kills += 1;
        if (fault === "kill the runner") assert.equal(run.child.signalCode, "SIGKILL", outcome.output);
        else endsWithWords(outcome, trip);
        await ending.server;
        if (fault === "kill the server") await this.#cluster.restart();
        if (fault === "kill the server" || fault === "kill its backend") await this.#connectAgain();
        return trip;
    }

    #start({ command, stdin, isMended }: Leg, port?: number): Run {
        const carried = stdin === undefined ? undefined : decode(this.project.stdin(stdin));
        const mended = isMended ? "\n-- Mended." : "";
        return this.project.start(command, {
            ...(carried ? { stdin: encode({ ...carried, down: carried.down + mended }) } : {}),
            ...(port === undefined ? {} : { env: { PGPORT: String(port) } }),
        });
    }

    /** Runs a leg to its end, undisturbed. */
    async #must(leg: Leg, why: string): Promise<void> {
        const { code, output } = await this.#start(leg).outcome;
        assert.equal(code, 0, `${why}:\n${output}`);
    }

    async #isRight(did: readonly string[], when: string): Promise<void> {
        this.expected.did(did);
        await this.expected.check(this.#client, when);
        await this.expected.write(this.#client);
    }

    /** After the crash of one process the server ends all the others and recovers by itself. */
    async #connectAgain(): Promise<void> {
        await until("the server has noticed", () =>
            this.#client.query("select").then(
                () => false,
                () => true,
            ),
        );
        await until("the server is back", async () => {
            try {
                this.#client = await this.project.connect();
                return true;
            } catch {
                return false;
            }
        });
    }
}

/** What is promised of a run whose connection is gone: it ends by itself, and says what happened and what to do. */
function endsWithWords({ code, stderr, output, tookMs }: RunOutcome, trip: string): void {
    assert.equal(code, 1, `${trip}\n${output}`);
    assert.match(stderr, /connection (was lost|broke)|cannot connect to/, trip);
    assert.match(stderr, /^ {2}→ /m, trip);
    assert.doesNotMatch(stderr, /^\s+at .*:\d+/m, trip);
    assert.ok(tookMs < endsWithinMs, `${trip}: it took ${tookMs} ms`);
}
