import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Ground, opposites, titleOf } from "../sql/ground.ts";
import { describePrivileges } from "./privileges.ts";
import { makeStage } from "./stage.ts";

const page = join(import.meta.dirname, "../../docs/security.md");

for (const kind of opposites) {
    describe(`docs/security.md (${titleOf(kind)})`, function () {
        this.timeout(120_000);
        let ground: Ground;
        before(async () => {
            ground = await makeStage(kind);
        });
        after(() => ground?.stop());

        it("says of each role what the database says: privileges and policies", async () => {
            const text = await readFile(page, "utf8");
            const [, written] = /<!-- from the database: .*? -->\n([\s\S]*?)\n<!-- end -->/.exec(text) ?? [];
            // Where it differs, what the database says goes between the two comments.
            assert.equal(written?.trim(), await describePrivileges(ground.postgres));
        });
    });
}
