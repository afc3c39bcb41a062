import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { requireConsent } from "../../runner/archive/consent.ts";

describe("asking before something is deleted for good", () => {
    async function answer(text: string, isTTY = true): Promise<string> {
        const input = Object.assign(new PassThrough(), { isTTY });
        const output = new PassThrough();
        input.end(text);
        await requireConsent("10 rows: delete them for good? [y/N] ", { input, output });
        return String(output.read() ?? "");
    }

    it("goes on after y or yes", async () => {
        for (const text of ["y\n", "Y\n", "yes\n", " yes \n"]) {
            assert.match(await answer(text), /10 rows: delete them for good\? \[y\/N\] /);
        }
    });

    it("stops at everything else, and at the end of the input", async () => {
        for (const text of ["\n", "n\n", "no\n", "yesterday\n", ""]) {
            await assert.rejects(answer(text), /nothing was deleted/, JSON.stringify(text));
        }
    });

    it("does not ask where nobody reads", async () => {
        await assert.rejects(answer("y\n", false), /nobody can be asked here/);
    });
});
