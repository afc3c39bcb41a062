import assert from "node:assert/strict";
import { smallPlan, tableMigration } from "../stack/smallPlan.ts";
import { type Snapshot, takeSnapshot } from "../stack/snapshot.ts";
import { readHistory } from "../support/history.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { type EngineKill, killVictim } from "./engineSweep.ts";
import { type Tripwire, tripwire } from "./tripwire.ts";

type Verb = "up" | "destroy";

/** With it the ledger knows what is squashed. */
const claimed = /^insert into simulation_db\.claim/;

/** Each begins where the one before it has ended. */
const moves: readonly (readonly [through: "" | "0001" | "0003", kill: EngineKill])[] = [
    ["0003", ["engine", 0.2]],
    ["", ["engine", 0.4]],
    ["0003", ["command plugin", 0.5]],
    ["0001", ["command plugin", 0.6]],
    ["0003", ["everything", 0.8]],
    ["", ["everything", 0.7]],
    ["0003", ["engine", 0.95]],
];

describe("the engine killed while migrations move into the squash and out of it", function () {
    this.timeout(300_000);
    let target: StackTarget;
    let wire: Tripwire;
    let project: StackProject;
    let untouched: Snapshot;
    let applied: readonly string[];

    before(async () => {
        target = await stackTarget({ major: 15 });
        wire = await tripwire(target.cluster);
        untouched = await takeSnapshot(target.admin);
        project = await stackProject({
            environment: { ...target.environment, PGPORT: String(wire.port) },
            sql: { ...smallPlan, ...tableMigration("0004", "fourth") },
        });
        await project.newStack("dev", { databaseHost: "embedded", storageUrl: "embedded", backup: "off" });
        await project.must("up", "--yes", "--skip-preview");
        applied = await happened();
    });
    after(async () => {
        await wire?.close();
        await project?.remove();
        await target?.stop();
    });

    const happened = () => readHistory(target.admin);

    /**
     * Kills at this part of so many trips to the database, or at the nth trip like that, and clears up for what follows.
     * In an up only those after the claim count. What was only seen passing may be done or not; `committed` lets the
     * server commit it, and nobody hears of that: the connections are cut, which ends the runner as well.
     */
    async function killIn(
        during: Verb,
        [victim, moment]: EngineKill,
        then: Verb,
        {
            trips = 1,
            nth = 1,
            committed = false,
        }: { readonly trips?: number; readonly nth?: number; readonly committed?: boolean } = {},
    ): Promise<void> {
        let killed = 0;
        const act = () => {
            killed = killVictim(victim).length;
        };
        const onceCommitted = () =>
            wire.arm(/^commit/, "answer", () => {
                act();
                wire.cut();
            });
        const last = committed ? onceCommitted : act;
        const strike = (left: number) =>
            wire.arm(
                typeof moment === "number" ? Math.ceil(trips * moment) : moment,
                "passing",
                left > 1 ? () => strike(left - 1) : last,
            );
        if (during === "up") wire.arm(claimed, "passing", () => strike(nth));
        else strike(nth);
        const { output } = await project[during]();
        assert.ok(wire.disarm().caught && killed > 0, `no ${victim} was killed:\n${output}`);
        const said = await project.clearInterrupted(then);
        assert.match(said.join("\n"), /The last update did not come to its end/);
    }

    async function move(squashThrough: string): Promise<void> {
        await project.configure({ squashThrough });
        await project.must("up", "--yes", "--skip-preview");
    }

    /** Of a move of all that can move, after the claim. */
    async function tripsOfMove(): Promise<number> {
        wire.arm(claimed, "passing", () => wire.arm(Number.MAX_SAFE_INTEGER, "passing", () => {}));
        await move("0003");
        const { length } = wire.disarm().trips;
        await move("");
        return length;
    }

    it("nothing is run or rolled back by any of it, and the next up ends the move", async () => {
        const trips = await tripsOfMove();
        for (const [through, kill] of moves) {
            await project.configure({ squashThrough: through });
            await killIn("up", kill, "up", { trips });
            await project.must("up", "--yes", "--skip-preview");
            const when = `through "${through}", without its ${kill[0]} after ${kill[1]}`;
            assert.deepEqual(await happened(), applied, when);
            const steps = (await project.resources()).filter(name => name.startsWith("schema-")).toSorted();
            const own = ["schema-0001", "schema-0002", "schema-0003", "schema-0004"].filter(
                name => name > `schema-${through}`,
            );
            assert.deepEqual(steps, through === "" ? own : [...own, "schema-squash"], when);
            await project.must("preview", "--expect-no-changes");
        }
    });

    it("a move that was killed and then given up is forgotten", async () => {
        for (const [from, to] of [
            ["", "0003"],
            ["0003", ""],
        ] as const) {
            await move(from);
            await project.configure({ squashThrough: to });
            await killIn("up", ["engine", claimed], "up");
            await move(from);
            assert.deepEqual(await happened(), applied);
            const { rows } = await target.admin.query("select squashed_through as through from simulation_db.claim");
            assert.deepEqual(rows, [{ through: from || null }]);
            // The claim says no longer that it was mended.
            await move(from);
            await project.must("preview", "--expect-no-changes");
        }
    });

    for (const [from, to] of [
        ["", "0003"],
        ["0003", ""],
    ] as const) {
        it(`a destroy after a move from "${from}" to "${to}" that was killed rolls back all`, async () => {
            await move(from);
            await project.configure({ squashThrough: to });
            await killIn("up", ["engine", claimed], "destroy");
            await isGoneByDestroy();
        });
    }

    it("so does one that was killed itself, and an up from nothing that was killed goes on", async () => {
        await project.configure({ squashThrough: "0003" });
        await killIn("up", ["everything", /^with mirrored/], "up");
        await project.must("up", "--yes", "--skip-preview");
        await killIn("destroy", ["everything", /^with removed/], "destroy");
        await isGoneByDestroy();
    });

    it("an up after a squash of whose whole rollback the engine did not hear applies all of it again", async () => {
        await move("0003");
        const before = await happened();
        // 0004 goes first, and 0001 last.
        await killIn("destroy", ["command plugin", /^with removed/], "up", { nth: 4, committed: true });
        const back = ["down 0004", "down 0003", "down 0002", "down 0001"];
        assert.deepEqual(await happened(), [...before, ...back]);
        await project.must("up", "--yes", "--skip-preview");
        assert.deepEqual(await happened(), [...before, ...back, ...applied]);
        await project.must("preview", "--expect-no-changes");
        await isGoneByDestroy();
    });

    async function isGoneByDestroy(): Promise<void> {
        await project.must("destroy", "--yes", "--skip-preview");
        assert.deepEqual(await takeSnapshot(target.admin), untouched);
        assert.deepEqual(await project.resources(), []);
    }
});
