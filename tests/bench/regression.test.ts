import assert from "node:assert/strict";
import { regressions } from "../../bench/support/regression.ts";
import { report } from "../../bench/support/report.ts";
import { type Row, row } from "../../bench/support/row.ts";

describe("a ratio that got worse", () => {
    const of = (...rows: Row[]) => report("made up", { rows, versions: {} });
    const ours = (samples: readonly number[], unit = "ms", others = samples.map(() => 100)) =>
        row("ours", unit, samples, { against: { name: "floor", samples: others } });
    const found = (then: Row, now: Row) => regressions(of(then), of(now)).map(one => one.case);

    it("is found when every run is worse than all of before, and the median by more than the tolerance", () => {
        assert.deepEqual(found(ours([100, 105, 110]), ours([160, 165, 170])), ["ours"]);
    });

    it("is none when one run alone was slow, or fast", () => {
        assert.deepEqual(found(ours([100, 105, 110]), ours([100, 105, 900])), []);
        assert.deepEqual(found(ours([100, 105, 110]), ours([104, 300, 900])), []);
    });

    it("is none within the tolerance, however steady the runs are", () => {
        assert.deepEqual(found(ours([100, 100, 100]), ours([149, 149, 149])), []);
    });

    it("is none when the machine was slower for both", () => {
        assert.deepEqual(found(ours([100, 110, 105]), ours([400, 440, 420], "ms", [400, 400, 400])), []);
    });

    it("needs more of a single run", () => {
        assert.deepEqual(found(ours([100]), ours([240])), []);
        assert.deepEqual(found(ours([100]), ours([260])), ["ours"]);
    });

    it("is one of less, where more is better", () => {
        assert.deepEqual(found(ours([90, 95, 99], "statements/s"), ours([40, 45, 50], "statements/s")), ["ours"]);
        assert.deepEqual(found(ours([40, 45, 50], "statements/s"), ours([90, 95, 99], "statements/s")), []);
    });

    it("is none of what others do worse beside us", () => {
        const theirs = (samples: readonly number[]) =>
            row("theirs", "ms", samples, { against: { name: "ours", samples: [10, 10, 10] }, guarded: false });
        assert.deepEqual(found(theirs([100, 100, 100]), theirs([900, 900, 900])), []);
    });

    it("is told of a case that is measured no more, and not of a new one", () => {
        const [missing] = regressions(of(ours([100, 100, 100])), of());
        assert.match(missing?.text ?? "", /not measured any more; it was 1 x floor/);
        const alone = row("ours", "ms", [5, 5, 5]);
        assert.match(regressions(of(ours([100, 100, 100])), of(alone))[0]?.text ?? "", /has no ratio any more/);
        assert.deepEqual(regressions(of(), of(ours([100, 100, 100]))), []);
        assert.deepEqual(found(alone, row("ours", "ms", [50, 50, 50])), []);
    });

    it("is told of a case that dropped out since a result that says of no row whose it is", () => {
        const { guarded: _, ...kept } = ours([100, 100, 100]);
        assert.equal(regressions(of(kept as Row), of()).length, 1);
    });

    it("is not found in the noise of a busy machine, in 5,000 rows, and nearly always when the work doubles", () => {
        const random = seeded(2026);
        // Each run takes up to 30 % longer than its work, ours and the floor's by chance of their own.
        const noisy = (work: number) => Array.from({ length: 3 }, () => work * (1 + 0.3 * random()));
        const rows = (work: number) =>
            Array.from({ length: 5_000 }, (_, number) =>
                row(`case ${number}`, "ms", noisy(work), { against: { name: "floor", samples: noisy(100) } }),
            );
        const before = of(...rows(200));
        assert.deepEqual(regressions(before, of(...rows(200))), []);
        const doubled = regressions(before, of(...rows(400))).length;
        assert.ok(doubled > 4_970, `${doubled} of 5,000`);
    });

    /** The same numbers from 0 to 1 in every run of the test (Park and Miller's generator). */
    function seeded(seed: number): () => number {
        let state = seed;
        return () => {
            state = (state * 48_271) % 2_147_483_647;
            return state / 2_147_483_647;
        };
    }
});
