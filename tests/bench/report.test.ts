import assert from "node:assert/strict";
import { feltBetween } from "../../bench/live/completion.ts";
import { readLockWaits } from "../../bench/live/lockWaits.ts";
import { benchmarkNames, loadBenchmark } from "../../bench/support/discover.ts";
import { exitCode, markdown, report } from "../../bench/support/report.ts";
import { inRounds } from "../../bench/support/rounds.ts";
import { atMost, atMostTimes, row, spreadOf } from "../../bench/support/row.ts";
import { UserError } from "../../runner/userError.ts";

describe("what a benchmark reports", () => {
    const floor = { name: "floor", samples: [100, 200, 50] };

    it("a ratio is formed within each round, and its median is told, not the ratio of medians", () => {
        const { value, ratio, ratioSpread, spread } = row("ours", "ms", [200, 200, 200], { against: floor });
        assert.equal(value, 200);
        assert.equal(ratio, 2);
        assert.deepEqual(ratioSpread, { min: 1, median: 2, max: 4 });
        assert.deepEqual(spread, { min: 200, median: 200, max: 200 });
    });

    it("the median of two runs is their mean", () => {
        assert.deepEqual(spreadOf([4, 1]), { min: 1, median: 2.5, max: 4 });
    });

    it("nothing is compared with zero, and then no ratio can be an aim that holds", () => {
        const compared = row("ours", "ms", [1], { against: { name: "floor", samples: [0] }, aim: atMostTimes(2) });
        assert.equal(compared.ratio, null);
        assert.equal(compared.holds, false);
    });

    it("cases that were not run equally often are not compared", () => {
        assert.throws(() => row("ours", "ms", [1, 2], { against: floor }), /same number of runs/);
        assert.throws(() => row("ours", "ms", []), /at least one run/);
    });

    it("an aim is judged by the median before it is rounded", () => {
        assert.equal(row("ours", "ms", [60.04, 60.04, 10], { aim: atMost(60, "ms") }).holds, false);
        assert.equal(row("ours", "ms", [60, 60, 900], { aim: atMost(60, "ms") }).holds, true);
        assert.equal(row("ours", "ms", [200, 400, 100], { against: floor, aim: atMostTimes(2) }).holds, true);
    });

    it("one object holds name, machine, versions and rows, each row with the seven fields that tools read", () => {
        const rows = [
            row("floor", "ms", floor.samples),
            row("ours", "ms", [1, 2, 3], { against: floor, aim: atMost(1, "ms") }),
        ];
        const found = JSON.parse(JSON.stringify(report("sample", { rows, versions: { postgresql: "15.18" } })));
        assert.deepEqual(Object.keys(found), ["name", "machine", "versions", "rows"]);
        assert.equal(found.name, "sample");
        assert.ok(found.machine.cores > 0);
        assert.deepEqual(found.versions, { node: process.versions.node, postgresql: "15.18" });
        const [first, second] = found.rows;
        const fields = ["case", "value", "unit", "ratio", "against", "aim", "holds"];
        const chosen = (one: Record<string, unknown>) => fields.map(field => one[field]);
        assert.deepEqual(chosen(first), ["floor", 100, "ms", null, null, null, null]);
        assert.deepEqual(chosen(second), ["ours", 2, "ms", 0.01, "floor", "<= 1 ms", false]);
    });

    it("a table for people says the same", () => {
        const rows = [row("a | b", "ms", [1, 3], { aim: atMost(5, "ms"), note: "why" })];
        const text = markdown(report("sample", { rows, versions: {} }));
        assert.match(text, /^## sample$/m);
        assert.match(text, /^\| a \\\| b \(why\) \| 2 ms \| 1 – 3 \|  \|  \|  \| <= 5 ms \| yes \|$/m);
    });

    it("only --strict fails for an aim that is missed", () => {
        const of = (limit: number) =>
            report("x", { rows: [row("a", "ms", [2], { aim: atMost(limit, "ms") })], versions: {} });
        assert.equal(exitCode([of(3), of(1)], { strict: true }), 1);
        assert.equal(exitCode([of(3), of(1)], { strict: false }), 0);
        assert.equal(exitCode([of(3)], { strict: true }), 0);
    });

    it("each round runs every case once and begins with another one", async () => {
        const order: string[] = [];
        const run = (name: string) => [name, async () => order.push(name)] as const;
        const results = await inRounds(3, new Map([run("a"), run("b")]), () => {});
        assert.deepEqual(order, ["a", "b", "b", "a", "a", "b"]);
        assert.deepEqual(
            results,
            new Map([
                ["a", [1, 4, 5]],
                ["b", [2, 3, 6]],
            ]),
        );
    });

    it("every file beside main.ts is a benchmark, and an unknown name lists them", async () => {
        const names = await benchmarkNames();
        assert.ok(names.includes("live") && names.includes("runner"));
        for (const name of names) {
            const { about, minutes, measure } = await loadBenchmark(name);
            assert.match(about, /^[A-Z].*\.$/, name);
            assert.ok(minutes.quick <= minutes.full, name);
            assert.equal(typeof measure, "function", name);
        }
        await assert.rejects(loadBenchmark("nothing"), (error: UserError) => {
            assert.ok(error instanceof UserError);
            assert.match(error.message, /no benchmark "nothing".*live, .*policies, .*runner/);
            return true;
        });
    });
});

describe("what traffic feels", () => {
    const one = (kind: "select" | "update", started: number, ended: number, error?: string) => ({
        ...{ client: 0, kind, started, ended },
        ...(error ? { error } : {}),
    });

    it("counts the statements that overlap the work, also those that began before it or ended after", () => {
        const felt = feltBetween(
            [
                one("select", 0, 50),
                one("update", 90, 130),
                one("select", 150, 160),
                one("select", 990, 1700),
                one("select", 1200, 9999),
            ],
            100,
            1100,
        );
        assert.equal(felt.stallMs, 710);
        assert.equal(felt.stalledAt, 990);
        assert.deepEqual(felt.worstMs, { select: 710, update: 40, insert: 0 });
        assert.equal(felt.perSecond, 3);
        assert.deepEqual(felt.errors, []);
    });

    it("a refused statement is told and is no throughput", () => {
        const felt = feltBetween([one("select", 0, 1), one("update", 1, 2, "40P01 deadlock detected")], 0, 1000);
        assert.equal(felt.perSecond, 1);
        assert.deepEqual(felt.errors, ["40P01 deadlock detected"]);
    });

    it("waits for locks are read from the server's log, those of the traffic in this database alone", () => {
        const log = [
            "1795414648.500 copy_3 traffic LOG:  process 7 still waiting for AccessShareLock on relation 9 of database 8 after 5.016 ms at character 15",
            "1795414648.700 copy_3 traffic LOG:  process 7 acquired AccessShareLock on relation 9 of database 8 after 200.500 ms",
            "1795414648.700 copy_33 traffic LOG:  process 8 acquired AccessShareLock on relation 9 of database 8 after 900.000 ms",
            "1795414648.700 copy_3 simulation-db migrate up LOG:  process 9 acquired AccessExclusiveLock on relation 9 of database 8 after 300.000 ms",
        ].join("\n");
        assert.deepEqual(readLockWaits(log, "copy_3"), [{ tookMs: 200.5, since: 1795414648499.5 }]);
    });
});
