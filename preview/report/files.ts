import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { htmlOf } from "./html.ts";
import { jsonOf } from "./json.ts";
import { markdownOf } from "./markdown.ts";
import type { Report } from "./report.ts";

/**
 * Writes report.md, report.json and report.html. Whoever reads one while it is written sees the one before.
 *
 * @returns their paths
 */
export async function writeReport(folder: string, report: Report): Promise<string[]> {
    await mkdir(folder, { recursive: true });
    const texts = { "report.md": markdownOf(report), "report.json": jsonOf(report), "report.html": htmlOf(report) };
    return await Promise.all(
        Object.entries(texts).map(async ([name, text]) => {
            const path = join(folder, name);
            await writeFile(`${path}.${process.pid}`, text);
            await rename(`${path}.${process.pid}`, path);
            return path;
        }),
    );
}
