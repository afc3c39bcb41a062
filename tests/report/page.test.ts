import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe, { type AxeResults } from "axe-core";
import type { Presentation } from "../../preview/report/presentation.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type Reader, reader, type View } from "./browser.ts";
import { example, type Example, pending } from "./example.ts";
import { hostile, hostileNames } from "./hostile.ts";

/** Run in the page, which alone knows what a document is: so they are text to TypeScript. */
const inPage = {
    size: `({
        tooWide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        characters: document.body.innerText.length,
    })`,
    background: "getComputedStyle(document.body).backgroundColor",
    picture: `({
        boxes: [...document.querySelectorAll("svg rect.box")].map(box => {
            const { left, right, top, bottom } = box.getBoundingClientRect();
            return { name: box.parentElement.querySelector("title").textContent, mark: box.classList[1], left, right, top, bottom };
        }),
        lines: [...document.querySelectorAll("svg path")].map(
            path => path.getAttribute("class") + " " + path.parentElement.querySelector("title").textContent,
        ),
    })`,
    locks: `[...document.querySelectorAll('section[aria-labelledby="up-0004"] .lock')].map(lock => {
        const bar = lock.querySelector(".bar");
        const track = lock.querySelector(".track");
        return {
            words: lock.textContent.replaceAll(/\\s+/g, " ").trim(),
            stopsReads: bar.classList.contains("all"),
            share: bar.clientWidth / track.clientWidth,
            fromTheEnd: Math.abs(bar.getBoundingClientRect().right - track.getBoundingClientRect().right),
        };
    })`,
    access: `[...document.querySelectorAll("tbody tr")].map(row => [...row.querySelectorAll("td")].map(cell => cell.textContent.trim()))`,
    strange: `({
        text: document.body.textContent,
        count: document.querySelectorAll("script, img, iframe, object, b, [onerror], [onload]").length,
    })`,
};

interface Box {
    readonly name: string;
    readonly mark: string;
    readonly left: number;
    readonly right: number;
    readonly top: number;
    readonly bottom: number;
}

interface Lock {
    readonly words: string;
    readonly stopsReads: boolean;
    readonly share: number;
    readonly fromTheEnd: number;
}

const looks = (["light", "dark"] as const).flatMap(colorScheme =>
    [320, 390, 1280].map(width => ({ colorScheme, width })),
);

describe("report.html in a browser", function () {
    this.timeout(300_000);
    let cluster: TestCluster;
    let built: Example;
    let folder: string;
    let browser: Reader;
    const pages: Record<string, string> = {};

    before(async function () {
        const found = await reader();
        // Openly: it counts as skipped. CI installs Debian's.
        if (!found) return void this.skip();
        browser = found;
        folder = await mkdtemp(join(tmpdir(), "simulation-db-page-"));
        cluster = await testCluster({ major: 17 });
        built = await example(cluster);
        const keep = async (name: string, { files }: Presentation) => {
            const path = join(folder, `${name}.html`);
            await copyFile(files.find(file => file.endsWith(".html")) ?? "", path);
            pages[name] = path;
        };
        await keep("a plan", await built.preview(pending));
        await keep("a rollback", await built.previewRollback());
        await keep("hostile names", await built.preview(hostile));
    });
    after(async () => {
        await browser?.close();
        await built?.project.remove();
        await cluster?.stop();
        if (folder) await rm(folder, { recursive: true, force: true });
    });

    const names = ["a plan", "a rollback", "hostile names"];
    const see = <T>(name: string, script: string, view: View = { width: 1280, colorScheme: "light" }) =>
        browser.open(pages[name] ?? "", view, page => page.evaluate<T>(script));

    for (const name of names) {
        it(`${name}: asks nobody for anything, and needs no moving sideways on a phone`, async () => {
            for (const view of looks) {
                const seen = await see<{ tooWide: number; characters: number }>(name, inPage.size, view);
                assert.equal(seen.tooWide, 0, `${seen.tooWide} px too wide at ${view.width} px`);
                assert.ok(seen.characters > 500);
            }
        });

        it(`${name}: keeps nobody out, in light and in dark (axe-core)`, async () => {
            for (const view of looks.filter(({ width }) => width !== 320)) {
                const results = await browser.open(pages[name] ?? "", view, async page => {
                    // Not as a script element, which the page's own policy refuses.
                    await page.evaluate(axe.source);
                    return await page.evaluate<AxeResults>("axe.run()");
                });
                const said = results.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
                assert.deepEqual(said, [], `${view.colorScheme}, ${view.width} px`);
                assert.ok(results.passes.some(({ id }) => id === "color-contrast"));
            }
        });
    }

    it("is dark for whoever likes it dark", async () => {
        const background = (colorScheme: "light" | "dark") =>
            see<string>("a plan", inPage.background, { width: 800, colorScheme });
        assert.equal(await background("light"), "rgb(255, 255, 255)");
        assert.equal(await background("dark"), "rgb(20, 23, 26)");
    });

    it("draws the tables with what is new and gone, no box over another, and the foreign keys between them", async () => {
        const { boxes, lines } = await see<{ boxes: Box[]; lines: string[] }>("a plan", inPage.picture);
        assert.deepEqual(Object.fromEntries(boxes.map(({ name, mark }) => [name, mark])), {
            "auth.users": "same",
            "+ public.comparisons": "new",
            "~ public.datasets": "changed",
            "− public.exports_2023": "gone",
            "~ public.simulation_runs": "changed",
        });
        assert.deepEqual(overlaps(boxes), []);
        assert.ok(lines.includes("new comparisons_run_id_fkey: public.comparisons → public.simulation_runs"));
        assert.ok(lines.includes("gone exports_2023_dataset_id_fkey: public.exports_2023 → public.datasets"));
    });

    it("draws seventy tables, none over another", async () => {
        const { boxes } = await see<{ boxes: Box[] }>("hostile names", inPage.picture);
        assert.ok(boxes.length >= 70, `${boxes.length} tables`);
        assert.deepEqual(overlaps(boxes), []);
    });

    it("shows since when each lock is held: what waits for writes only, and what for reads too", async () => {
        const locks = await see<Lock[]>("a plan", inPage.locks);
        const [exclusive, share] = locks;
        assert.ok(exclusive && share && locks.length === 2, JSON.stringify(locks));
        assert.match(exclusive.words, /public\.simulation_runs reads and writes wait a moment .*ACCESS EXCLUSIVE/);
        assert.match(share.words, /public\.simulation_runs writes wait about \d\.\d s .*is indexed.*SHARE/);
        assert.deepEqual([exclusive.stopsReads, share.stopsReads], [true, false]);
        assert.ok(share.share > 0.95 && exclusive.share < 0.05, JSON.stringify(locks));
        assert.ok(
            locks.every(({ fromTheEnd }) => fromTheEnd < 8),
            JSON.stringify(locks),
        );
    });

    it("says who may do what, before and after", async () => {
        const rows = await see<string[][]>("a plan", inPage.access);
        assert.deepEqual(
            rows.find(([table, role]) => table === "public.datasets" && role === "anon"),
            ["public.datasets", "anon", "nothing", "+ select (by policy)"],
        );
    });

    it("takes hostile names as text, and shows them whole", async () => {
        const { text, count } = await see<{ text: string; count: number }>("hostile names", inPage.strange);
        assert.equal(count, 0);
        for (const name of hostileNames) assert.ok(text.includes(name.replaceAll('"', '""')), name);
    });

    it("would be told if it asked somebody, or ran a script", async () => {
        const html = await readFile(pages["a plan"] ?? "", "utf8");
        const path = join(folder, "open.html");
        await writeFile(
            path,
            html
                .replace(/<meta http-equiv[^>]*>/, "")
                .replace("<main>", '<main><img src="http://127.0.0.1:9/pixel.png" alt="" />'),
        );
        await assert.rejects(
            browser.open(path, { width: 390, colorScheme: "light" }, async () => undefined),
            /must not:\nrequest: http:\/\/127\.0\.0\.1:9\/pixel\.png/,
        );
    });
});

/** Pairs of boxes that share a point. */
function overlaps(boxes: readonly Box[]): string[] {
    return boxes.flatMap((one, index) =>
        boxes.slice(index + 1).flatMap(other => {
            const isApart =
                one.right <= other.left ||
                other.right <= one.left ||
                one.bottom <= other.top ||
                other.bottom <= one.top;
            return isApart ? [] : [`${one.name} and ${other.name}`];
        }),
    );
}
