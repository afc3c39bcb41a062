import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { levels } from "../../preview/findings/finding.ts";
import { root, readPage, tableRows } from "../docs/pages.ts";
import { telling } from "./corpus.ts";

/** Codes that need more than one statement on a shadow to come about: the tests beside this one produce them. */
const elsewhere = [
    // With the whole stack: tests/preview.
    "advisor-says",
    "down-fails",
    "down-not-verified",
    "shadow-cannot",
    "not-verified",
    // tests/authoring/import
    "not-read",
    "unneeded-allow",
    "opaque",
    "api-settings-changed",
    "lock-held",
    "rows-changed-under-lock",
];

/** Rows of the table of findings: codes and levels. */
async function documented(): Promise<{ codes: string[]; levels: string[] }[]> {
    const isLevel = (text: string) => (levels as readonly string[]).includes(text);
    return tableRows(await readPage("docs/preview.md")).flatMap(([first = "", level = ""]) => {
        const codes = [...first.matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)].map(([, code = ""]) => code);
        const named = level.split(", ");
        return codes.length > 0 && named.every(isLevel) ? [{ codes, levels: named }] : [];
    });
}

async function sources(): Promise<string> {
    const folder = join(root, "preview/findings");
    const names = (await readdir(folder, { recursive: true })).filter(name => name.endsWith(".ts"));
    const texts = [...names.map(name => join(folder, name)), join(root, "preview/gates.ts")].map(name =>
        readFile(name, "utf8"),
    );
    return (await Promise.all(texts)).join("\n").replace("`${kind}-renamed`", '"table-renamed" "column-renamed"');
}

describe("the codes of findings", () => {
    it("are all in docs/preview.md, and no other", async () => {
        const source = await sources();
        const inSource = new Set([...source.matchAll(/"([a-z]+(?:-[a-z]+)+)"/g)].map(([, code = ""]) => code));
        const codes = (await documented()).flatMap(row => row.codes);
        assert.deepEqual(codes.filter(code => code !== "opaque").sort(), [...inSource].sort());
    });

    it("are produced by a line of the corpus", async () => {
        const produced = new Set(telling.flatMap(([, findings]) => findings.map(finding => finding.split(" ")[0])));
        const codes = (await documented()).flatMap(row => row.codes);
        const reversal = ["down-differs", "column-order-differs", "declared-irreversible", "declared-not-restored"];
        assert.deepEqual(
            codes.filter(code => !produced.has(code) && ![...elsewhere, ...reversal].includes(code)),
            [],
        );
    });
});
