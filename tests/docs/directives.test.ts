import assert from "node:assert/strict";
import { readDirectives, readDownDirectives } from "../../runner/migration/directives.ts";
import { UserError } from "../../runner/userError.ts";
import { readPage, tableRows } from "./pages.ts";

/** The directives that are known: the error for an unknown one lists them. */
function known(read: (sql: string, file: string) => unknown): string[] {
    try {
        read("-- no-such-directive: x\n", "up.sql");
    } catch (error) {
        assert.ok(error instanceof UserError);
        return (/Known are: (.*)\.$/.exec(error.message)?.[1] ?? "").split(", ");
    }
    assert.fail("an unknown directive was not refused");
}

function named(rows: readonly string[][]): string[] {
    return rows.flatMap(([first = ""]) => /^`-- ([a-z-]+): /.exec(first)?.[1] ?? []);
}

describe("the directives", () => {
    it("are all in docs/concepts.md, and no other", async () => {
        const documented = named(tableRows(await readPage("docs/concepts.md")));
        assert.deepEqual(documented.sort(), [...known(readDirectives), ...known(readDownDirectives)].sort());
    });

    it("of up.sql are all in sql/CONVENTIONS.md, and none that is unknown", async () => {
        const documented = named(tableRows(await readPage("sql/CONVENTIONS.md")));
        for (const name of known(readDirectives)) assert.ok(documented.includes(name), name);
        for (const name of documented) {
            assert.ok([...known(readDirectives), ...known(readDownDirectives)].includes(name), name);
        }
    });
});
