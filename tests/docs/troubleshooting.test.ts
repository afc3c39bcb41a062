import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { errorPatterns, readings } from "./messages.ts";
import { fences, readPage, root } from "./pages.ts";

/** What is thrown here becomes one line of `npm run check`, after the name of what was tried. */
const oneLineOfCheck = /^runner\/check[./]/;

describe("docs/troubleshooting.md", function () {
    this.timeout(30_000);

    it("quotes every error that the runner has for a person", async () => {
        const page = await readPage("docs/troubleshooting.md");
        const lines = fences(page, "text").flatMap(block => block.split("\n").flatMap(readings));
        const names = await readdir(join(root, "runner"), { recursive: true });
        const files = names.map(name => join("runner", name)).filter(name => /\.ts$/.test(name));
        const errors = await errorPatterns(files.filter(file => !oneLineOfCheck.test(file)));
        assert.ok(errors.length > 60, String(errors.length));
        const missing = errors.filter(
            ({ patterns }) => !patterns.some(pattern => lines.some(line => pattern.test(line))),
        );
        assert.deepEqual(
            missing.map(({ file, text }) => `${file}: ${text}`),
            [],
        );
    });
});
