import assert from "node:assert/strict";
import { messagePatterns, readings } from "./messages.ts";
import { fences, readPages } from "./pages.ts";

/** Whose words these are: PostgreSQL's, or a part of a definition that a message quotes. */
const foreign: readonly RegExp[] = [
    /^(detail|hint|where|expected|found): ?/,
    /^(expected|found) {1,4}\S/,
    /^(canceling statement due to|terminating connection due to|column ".*" does not exist|syntax error at or near)/,
    /^cannot drop .* because other objects depend on it$/,
    /^index \S+ is missing$/,
];

describe("the messages that the documentation quotes", function () {
    this.timeout(30_000);

    it("are messages of this project: every line of a block marked `text`", async () => {
        const patterns = await messagePatterns();
        const known = (line: string) => [...patterns, ...foreign].some(pattern => pattern.test(line));
        const unknown: string[] = [];
        for (const page of await readPages()) {
            for (const line of fences(page, "text").flatMap(block => block.split("\n"))) {
                if (line.trim() !== "" && !readings(line).some(known)) unknown.push(`${page.file}: ${line}`);
            }
        }
        assert.deepEqual(unknown, []);
    });

    it("would be missed, were they not", async () => {
        const patterns = await messagePatterns();
        assert.ok(patterns.length > 200);
        const invented = "this database is tired and would like to rest";
        assert.deepEqual(
            patterns.filter(pattern => pattern.test(invented)),
            [],
        );
    });
});
