import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import { root } from "../docs/pages.ts";
import type { Reader, View } from "../report/browser.ts";

/** A report as somebody sees it. */
export interface Picture {
    /** Below docs/. */
    readonly file: string;
    readonly report: "report.md" | "report.html";
    readonly view: Required<View>;
    /** What it begins with, as a selector; default: the top. */
    readonly from?: string;
}

const desk = { width: 860, height: 1350, scale: 1.5 } as const;

/** What `npm run pictures` draws, and the documentation shows. */
export const pictures: readonly Picture[] = [
    { file: "preview/report-md.webp", report: "report.md", view: { ...desk, colorScheme: "light" } },
    { file: "preview/report-html.webp", report: "report.html", view: { ...desk, colorScheme: "light" } },
    {
        file: "preview/report-html-dark.webp",
        report: "report.html",
        view: { ...desk, colorScheme: "dark" },
        from: "h3:has(+ p > .key)",
    },
    {
        file: "preview/report-html-phone.webp",
        report: "report.html",
        view: { ...desk, width: 390, colorScheme: "light" },
    },
];

/** Of a comment on GitHub, as far as it is told apart here; GitHub's own style sheet is larger and says the same. */
const comment = `
    body { margin: 0; padding: 20px 28px; background: #fff; color: #1f2328; font: 14px/1.5 system-ui, sans-serif; }
    h2, h3 { margin: 24px 0 16px; line-height: 1.25; font-weight: 600; }
    h2 { margin-top: 0; padding-bottom: 0.3em; border-bottom: 1px solid #d1d9e0; font-size: 1.5em; } h3 { font-size: 1.25em; }
    p, ul, table, details { margin: 0 0 16px; } ul { padding-left: 2em; } ul ul { margin: 0; } li + li { margin-top: 0.25em; }
    code { padding: 0.2em 0.4em; border-radius: 6px; background: #eff1f3; font: 85% ui-monospace, monospace; overflow-wrap: anywhere; }
    table { width: max-content; border-collapse: collapse; } th, td { padding: 6px 13px; border: 1px solid #d1d9e0; text-align: left; white-space: nowrap; }
    tr:nth-child(even) td { background: #f6f8fa; }`;

/**
 * Draws as much of a report as the view is high.
 *
 * @param reports where the report's file is
 */
export async function draw(browser: Reader, { file, report, view, from }: Picture, reports: string): Promise<void> {
    const source = join(reports, report);
    const path = report === "report.md" ? await asComment(source) : source;
    const image = await browser.open(path, view, async page => {
        if (from) await page.evaluate(`document.querySelector("${from}").scrollIntoView()`);
        return await webp(page, await page.screenshot());
    });
    await writeFile(join(root, "docs", file), image);
}

/** Half of what the PNG takes, and its text stays sharp. A canvas makes it: Playwright draws PNG and JPEG alone. */
async function webp(page: Page, png: Buffer): Promise<Buffer> {
    const canvas = await page.context().newPage();
    const url = await canvas.evaluate<string>(`(async () => {
        const image = new Image();
        image.src = "data:image/png;base64,${png.toString("base64")}";
        await image.decode();
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.width, image.height];
        canvas.getContext("2d").drawImage(image, 0, 0);
        return canvas.toDataURL("image/webp", 0.4);
    })()`);
    return Buffer.from(url.slice(url.indexOf(",") + 1), "base64");
}

/** The Markdown as the page that GitHub makes of it. */
async function asComment(source: string): Promise<string> {
    const html = micromark(await readFile(source, "utf8"), {
        allowDangerousHtml: true,
        extensions: [gfm()],
        htmlExtensions: [gfmHtml()],
    });
    const path = `${source}.html`;
    await writeFile(
        path,
        `<!doctype html><html lang="en"><meta charset="utf-8"><style>${comment}</style>${html}</html>`,
    );
    return path;
}
