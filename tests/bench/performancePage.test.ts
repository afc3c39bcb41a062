import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { drawChart } from "../../bench/support/chart.ts";
import { root } from "../../bench/support/node.ts";
import { performancePage } from "../../bench/support/performancePage.ts";
import { atMost, row } from "../../bench/support/row.ts";

describe("docs/performance.md", function () {
    this.timeout(60_000);

    it("says and draws what is kept in bench/results, and nothing else (npm run bench -- --write-docs)", async () => {
        const files = await performancePage();
        for (const [file, text] of files) assert.equal(await readFile(join(root, "docs", file), "utf8"), text, file);
        const there = (await readdir(join(root, "docs", "performance"))).map(name => `performance/${name}`);
        assert.deepEqual(there.sort(), [...files.keys()].filter(file => file.endsWith(".svg")).sort());
    });

    it("draws the same rows as the same picture, with values, spread and aim in it", () => {
        const chart = {
            title: "a & b",
            unit: "ms",
            rows: [row("slow", "ms", [900, 1000, 1100], { aim: atMost(60, "ms") }), row("fast", "ms", [2])],
        };
        const picture = drawChart(chart);
        assert.equal(drawChart(chart), picture);
        assert.match(picture, /^<svg /);
        assert.match(picture, /1000 \(900 – 1100\), aim (&lt;|<)= 60 ms/);
        assert.match(picture, /a &amp; b/);
        assert.match(picture, />fast</);
        assert.doesNotMatch(picture, /zr\d|<style|<script/);
    });
});
