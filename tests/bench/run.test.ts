import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, type Named, type RunOptions } from "../../bench/support/run.ts";
import { atMost, atMostTimes, type Row, row } from "../../bench/support/row.ts";
import { readStored } from "../../bench/support/stored.ts";
import type { UserError } from "../../runner/userError.ts";

describe("npm run bench", () => {
    let results: string;
    beforeEach(async () => {
        results = await mkdtemp(join(tmpdir(), "simulation-db-results-"));
    });
    afterEach(() => rm(results, { recursive: true, force: true }));

    /** A benchmark that finds what it is told to. */
    function made(name: string, rows: readonly Row[]): Named {
        return {
            name,
            about: "Made up.",
            minutes: { full: 1, quick: 0 },
            measure: async ({ quick }) => ({ rows, versions: { scale: quick ? "small" : "large" } }),
        };
    }

    async function ran(benchmarks: readonly Named[], options: RunOptions) {
        const printed: string[] = [];
        const said: string[] = [];
        const code = await run(benchmarks, options, {
            print: text => printed.push(text),
            say: line => said.push(line),
            results,
        });
        return { code, stdout: printed.join(""), said: said.join("\n") };
    }

    const floor = { name: "floor", samples: [100, 100, 100] };
    const at = (...samples: number[]) => [row("ours", "ms", samples, { against: floor })];

    it("--json prints exactly one object for one benchmark, and one line each for several", async () => {
        const one = await ran([made("one", at(1, 2, 3))], { json: true });
        assert.deepEqual(Object.keys(JSON.parse(one.stdout) as object), ["name", "machine", "versions", "rows"]);
        const two = await ran([made("one", at(1, 2, 3)), made("two", at(1, 2, 3))], { json: true });
        const lines = two.stdout.trimEnd().split("\n");
        assert.deepEqual(
            lines.map(line => (JSON.parse(line) as { name: string }).name),
            ["one", "two"],
        );
    });

    it("what is done is printed although a later benchmark fails", async () => {
        const printed: string[] = [];
        const failing = { ...made("two", []), measure: () => Promise.reject(new Error("out of disk")) };
        const places = { print: (text: string) => printed.push(text), say: () => {}, results };
        await assert.rejects(run([made("one", at(1, 2, 3)), failing], { json: true }, places), /out of disk/);
        assert.match(printed.join(""), /"name":"one"/);
    });

    it("--quick reaches the benchmark", async () => {
        assert.match((await ran([made("one", at(1, 2, 3))], { json: true, quick: true })).stdout, /"scale":"small"/);
    });

    it("--strict ends with 1 when an aim of any benchmark is missed", async () => {
        const holding = made("holding", [row("a", "ms", [1], { aim: atMost(2, "ms") })]);
        const missing = made("missing", [
            row("b", "ms", [300], { against: { name: "a", samples: [1] }, aim: atMostTimes(2) }),
        ]);
        assert.equal((await ran([holding, missing], { strict: true })).code, 1);
        assert.equal((await ran([missing], {})).code, 0);
        assert.equal((await ran([holding], { strict: true })).code, 0);
    });

    it("--strict ends with 1, and --save keeps nothing, where a peer could not be had", async () => {
        const alone = {
            ...made("alone", []),
            measure: () => Promise.resolve({ rows: [], versions: {}, leftOut: ["dbmate"] }),
        };
        const { code, said } = await ran([alone], { strict: true, save: true });
        assert.equal(code, 1);
        assert.match(said, /alone: not kept, without dbmate/);
        assert.equal(await readStored("alone", results), undefined);
        assert.equal((await ran([alone], {})).code, 0);
    });

    it("--save keeps the report with its day and its scale", async () => {
        const { said } = await ran([made("one", at(1, 2, 3))], { save: true, quick: true });
        assert.match(said, /one: kept as .*one\.json/);
        const stored = await readStored("one", results);
        assert.match(stored?.taken ?? "", /^\d{4}-\d\d-\d\d$/);
        assert.equal(stored?.quick, true);
        assert.equal(stored?.report.rows[0]?.ratio, 0.02);
    });

    it("--against-baseline ends with 1 when a ratio got clearly worse, and says what it was", async () => {
        await ran([made("one", at(100, 110, 120))], { save: true });
        const { code, said } = await ran([made("one", at(190, 200, 210))], { againstBaseline: true });
        assert.equal(code, 1);
        assert.match(said, /worse: ours: 2 x floor \(1\.9 – 2\.1\); it was 1\.1 x floor \(1 – 1\.2\)/);
        assert.match(said, /1 of 1 ratios got worse since/);
        assert.equal((await ran([made("one", at(105, 130, 125))], { againstBaseline: true })).code, 0);
    });

    it("with --save as well, the new result becomes the baseline after the comparison with the old one", async () => {
        await ran([made("one", at(100, 100, 100))], { save: true });
        assert.equal((await ran([made("one", at(300, 300, 300))], { save: true, againstBaseline: true })).code, 1);
        assert.equal((await ran([made("one", at(300, 300, 300))], { againstBaseline: true })).code, 0);
    });

    it("a missing baseline, or one of another scale, stops before anything is measured", async () => {
        const never = { ...made("one", []), measure: () => Promise.reject(new Error("measured")) };
        const refused = (text: RegExp, next: RegExp) => (error: UserError) => {
            assert.match(error.message, text);
            assert.match(error.next.join(" "), next);
            return true;
        };
        await assert.rejects(
            ran([never], { againstBaseline: true }),
            refused(/no stored result of one/, /-- one --save/),
        );
        await ran([made("one", at(1, 2, 3))], { save: true, quick: true });
        await assert.rejects(ran([never], { againstBaseline: true }), refused(/do not compare/, /--quick/));
    });
});
