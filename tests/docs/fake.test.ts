import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readPage, root } from "./pages.ts";

describe("the checks of a fake preview in docs/development.md", () => {
    it("are ten, each held by tests that are there, under the titles that are named, on both versions", async () => {
        const { text } = await readPage("docs/development.md");
        const [, section = ""] = /^## What would catch a fake preview\n([\s\S]*?)^## /m.exec(text) ?? [];
        const rows = section.split("\n").filter(line => /^\| (?!Check )[^-]/.test(line));
        assert.equal(rows.length, 10);
        for (const row of rows) {
            const held = [...row.matchAll(/`(tests\/[^`]+)`: ((?:"[^"]+"(?:, )?)+)/g)];
            assert.ok(held.length > 0, row);
            for (const [, file = "", titles = ""] of held) {
                const source = await readFile(join(root, file), "utf8");
                assert.doesNotMatch(source, /\b(?:it|describe)\.(?:skip|only)\b/, file);
                if (file.endsWith(".test.ts")) assert.match(source, /of (?:majors|\[15, 17\] as const)\)/, file);
                for (const [, title = ""] of titles.matchAll(/"([^"]+)"/g)) {
                    assert.ok(source.includes(`${title}"`) || source.includes(`${title}\``), `${file}: ${title}`);
                }
            }
        }
    });
});
