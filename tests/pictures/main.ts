import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { root } from "../docs/pages.ts";
import { reader } from "../report/browser.ts";
import { draw, pictures } from "./draw.ts";
import { page, pageWith } from "./excerpts.ts";
import { shown } from "./scene.ts";

// `npm run pictures`: what docs/preview.md shows of a preview, drawn and written anew.

const browser = await reader();
if (!browser) throw new Error("There is no Chromium on the PATH to draw with.");
const scene = await shown();
try {
    const reports = dirname(scene.preview.files[0] ?? "");
    for (const picture of pictures) {
        await mkdir(dirname(join(root, "docs", picture.file)), { recursive: true });
        await draw(browser, picture, reports);
        process.stderr.write(`docs/${picture.file}\n`);
    }
    await writeFile(page, await pageWith(scene));
} finally {
    await scene.remove();
    await browser.close();
}
