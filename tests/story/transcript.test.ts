import assert from "node:assert/strict";
import { type CommandStep, firstDifference, inFull, readChapters, retold } from "./transcript.ts";

describe("a transcript", () => {
    it("is read from the blocks of a page: files, commands with what they print, exit codes", () => {
        const text = [
            "# Page",
            "## First",
            "Words.",
            "```sql",
            "-- sql/0001_a/up.sql",
            "select 1;",
            "```",
            "```console",
            "$ one \\",
            "> two",
            "out",
            "",
            "$ three",
            "## No heading",
            "(exit code 3)",
            "```",
            "## Second",
            "```sql",
            "-- no file",
            "```",
            "",
        ].join("\n");
        assert.deepEqual(readChapters(text), [
            {
                heading: "First",
                steps: [
                    { kind: "file", path: "sql/0001_a/up.sql", text: "select 1;\n" },
                    { kind: "command", command: "one \\\ntwo", lines: ["out"], code: 0 },
                    { kind: "command", command: "three", lines: ["## No heading"], code: 3 },
                ],
            },
            { heading: "Second", steps: [] },
        ]);
    });

    it("is written anew where a command printed something else, and nowhere else", () => {
        const text = "## A\n```console\n$ one\n$ one \\\n> more\nout\n```\nWords.\n```console\n$ one\n…\n```\n";
        const steps = readChapters(text).flatMap(({ steps }) => steps) as CommandStep[];
        assert.equal(
            retold(
                text,
                steps.map(step => [step, step]),
            ),
            text,
        );
        const now = inFull("one", { code: 2, output: "a /tmp/x/b\n" }, "/tmp/x");
        assert.equal(
            retold(
                text,
                steps.map((step, index) => [step, index === 2 ? now : step]),
            ),
            text.replace("\n…\n", "\na ~/b\n(exit code 2)\n"),
        );
    });

    const said = (...lines: string[]) => lines;

    it("agrees when each line was printed, in order, and nothing else", () => {
        assert.equal(firstDifference(said("a", "b"), "a\nb\n", "/tmp/x"), undefined);
        assert.equal(firstDifference([], "", "/tmp/x"), undefined);
        assert.notEqual(firstDifference(said("a", "b"), "a\nc\n", "/tmp/x"), undefined);
        assert.notEqual(firstDifference(said("a"), "a\nb\n", "/tmp/x"), undefined);
        assert.notEqual(firstDifference(said("b", "a"), "a\nb\n", "/tmp/x"), undefined);
        assert.notEqual(firstDifference([], "a\n", "/tmp/x"), undefined);
        assert.notEqual(firstDifference(said("a"), "", "/tmp/x"), undefined);
    });

    it("may leave out lines and the rest of a line, and nothing that it does not say", () => {
        assert.equal(firstDifference(said("a", "…", "d …", "…"), "a\nb\nc\nd e\nf\n", "/tmp/x"), undefined);
        assert.equal(firstDifference(said("…", "c"), "a\nc\nb\nc\n", "/tmp/x"), undefined);
        assert.equal(firstDifference(said("…", "c"), "a\nc\nb\n", "/tmp/x"), "c");
        assert.equal(firstDifference(said("a", "…", "d", "c", "…"), "a\nc\nd\n", "/tmp/x"), "d\nc");
        assert.equal(firstDifference(said("…", "x", "…", "y"), "x y\n", "/tmp/x"), "x");
    });

    it("does not see the engine's dots, also where a row stands behind them", () => {
        const page = said("Previewing update (dev):", " +  a", "    b saying …", "…", "@ me", "Resources:");
        for (const [before, glued] of [
            ["", ""],
            ["@ previewing update\n", "@ previewing update......."],
            ["@ updating....\n", "@ updating."],
            ["@ previewing destroy.\n@ destroying..\n", "@ refreshing"],
        ] as const) {
            const output = `Previewing update (dev):\n${before} +  a\n${glued}    b saying …\n@ me\n${before}Resources:`;
            assert.equal(firstDifference(page, output, "/tmp/x"), undefined, output);
            const other = output.replace("b saying", "c saying");
            assert.notEqual(firstDifference(page, other, "/tmp/x"), undefined, other);
        }
        assert.equal(firstDifference(said("Resources:"), "@ updating...Resources:", "/tmp/x"), undefined);
    });

    it("does not compare times, ids, sizes, ports and the folder, and does compare other numbers", () => {
        const line = "0024 applied in 20 ms on 7712367543005624095/postgres, 40.0 kB, localhost:123, /tmp/x/a";
        const other = "0024 applied in 3.5 s on 7712367543005624096/postgres, 128 kB, localhost:5432, ~/a";
        assert.equal(firstDifference(said(other), line, "/tmp/x"), undefined);
        assert.notEqual(firstDifference(said("3 rows kept"), "2 rows kept", "/tmp/x"), undefined);
        assert.notEqual(firstDifference(said("0024 applied"), "0025 applied", "/tmp/x"), undefined);
    });
});
