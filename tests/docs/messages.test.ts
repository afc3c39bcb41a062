import assert from "node:assert/strict";
import { messagePatterns, obstaclePatterns, raisedPatterns, readings } from "./messages.ts";
import { fences, type Page, readPages } from "./pages.ts";

/** Whose words these are: PostgreSQL's, or a part of a definition that a message quotes. */
const foreign: readonly RegExp[] = [
    /^(detail|hint|where|expected|found): ?/,
    /^(expected|found) {1,4}\S/,
    /^(canceling statement due to|terminating connection due to|column ".*" does not exist|syntax error at or near)/,
    /^cannot drop .* because other objects depend on it$/,
    /^index \S+ is missing$/,
];

/** What Pulumi says. */
const pulumis: readonly RegExp[] = [
    /^error: the stack is currently locked by \d+ lock\(s\)\. Either wait for the other process\(es\) to end or delete the lock file with `pulumi cancel`\.$/,
    /^error: resource ".*" cannot be deleted because it is protected\.$/,
];

/** What a step did, in a word that is too short to be looked up. */
const outcomes: readonly RegExp[] = [/^(\d{4}_[a-z0-9_]+|\d+) adopted$/];

/** Their console blocks are compared with real runs by the tests of what they are about. */
const compared = ["README.md", "docs/authoring.md", "docs/preview.md", "docs/story.md"];

async function unknownLines(
    pages: readonly Page[],
    blocksOf: (page: Page) => string[],
    patterns: readonly RegExp[],
): Promise<string[]> {
    const all = [...(await messagePatterns()), ...patterns];
    const known = (line: string) => all.some(pattern => pattern.test(line));
    return pages.flatMap(page =>
        blocksOf(page)
            .flatMap(block => block.split("\n"))
            .filter(line => line.trim() !== "" && !readings(line).some(known))
            .map(line => `${page.file}: ${line}`),
    );
}

describe("the messages that the documentation quotes", function () {
    this.timeout(30_000);

    it("are messages of this project: every line of a block marked `text`", async () => {
        const unknown = await unknownLines(await readPages(), page => fences(page, "text"), foreign);
        assert.deepEqual(unknown, []);
    });

    it("are messages of it, of its SQL or of Pulumi: every line of a block marked `console` without a command", async () => {
        const pages = (await readPages()).filter(({ file }) => !compared.includes(file));
        const printed = (page: Page) => fences(page, "console").filter(block => !block.trimStart().startsWith("$ "));
        const unknown = await unknownLines(pages, printed, [
            ...(await raisedPatterns()),
            ...(await obstaclePatterns()),
            ...outcomes,
            ...pulumis,
        ]);
        assert.deepEqual(unknown, []);
    });

    it("name a key with the file it is set in, and an up by its npm script: both go to the right stack", async () => {
        const engines = (await messagePatterns()).filter(({ source }) => /pulumi (config set|up)\b/.test(source));
        assert.deepEqual(engines, []);
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
