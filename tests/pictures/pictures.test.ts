import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { readPages, root } from "../docs/pages.ts";
import { pictures } from "./draw.ts";
import { page, pageWith } from "./excerpts.ts";
import { type Shown, shown } from "./scene.ts";

/** Whoever clones the project carries them along; in bytes. */
const most = 420_000;

describe("what the documentation shows of a preview (npm run pictures)", function () {
    this.timeout(300_000);
    let scene: Shown;
    before(async () => {
        scene = await shown();
    });
    after(() => scene?.remove());

    it("is text that the code makes: of report.json and of destroy -- --preview", async () => {
        assert.equal(comparable(await readFile(page, "utf8")), comparable(await pageWith(scene)));
    });

    it("is a report of the plan's own tables: one migration that gates stop, and one that they let pass", () => {
        const { stopped, pending, diagram, access } = scene.preview.report;
        assert.equal(stopped, true);
        assert.deepEqual(
            pending.map(({ tried, findings }) => [tried, findings.some(({ verdict }) => verdict.gate === "stopped")]),
            [
                [true, true],
                [true, false],
            ],
        );
        assert.deepEqual(
            diagram.tables.filter(({ mark }) => mark !== "same").map(({ name, mark }) => [name, mark]),
            [
                ["public.comparisons", "new"],
                ["public.datasets", "changed"],
            ],
        );
        assert.ok(access.length > 0 && pending.every(({ locks }) => locks.length > 0));
        for (const { report } of pictures) {
            assert.ok(
                scene.preview.files.some(file => file.endsWith(`/${report}`)),
                report,
            );
        }
    });

    it("is there as pictures of the size they are drawn in, none that no page shows, all together not too much", async () => {
        const drawn = pictures.map(({ file }) => `docs/${file}`);
        const there = (await readdir(join(root, "docs", "preview"))).map(name => `docs/preview/${name}`);
        assert.deepEqual(there.sort(), [...drawn].sort());
        assert.deepEqual([...(await shownOnPages())].sort(), [...drawn].sort());
        let total = 0;
        for (const { file, view } of pictures) {
            const image = await readFile(join(root, "docs", file));
            assert.deepEqual(
                sizeOf(image),
                [view.width, view.height].map(length => Math.floor(length * view.scale)),
            );
            total += image.length;
        }
        assert.ok(total <= most, `${total} bytes`);
    });
});

/** Who may not copy with pg_dump is told more; the rest is the same for everybody. */
function comparable(text: string): string {
    return text.replace(/, catalog copied by[\s\S]*?(?=report: \.local)/, "\n");
}

/** Files of pictures that pages show, in Markdown or HTML. */
async function shownOnPages(): Promise<Set<string>> {
    const files = (await readPages()).flatMap(({ file, text }) =>
        [...text.matchAll(/(?:\]\(|src=")([^)"\s]+\.webp)/g)].map(([, link = ""]) =>
            normalize(join(dirname(file), link)),
        ),
    );
    return new Set(files);
}

/** Width and height of an extended WebP (RFC 9649, 2.7 "Extended File Format"). */
function sizeOf(image: Buffer): number[] {
    assert.equal(image.toString("latin1", 0, 4) + image.toString("latin1", 8, 16), "RIFFWEBPVP8X");
    return [image.readUIntLE(24, 3) + 1, image.readUIntLE(27, 3) + 1];
}
