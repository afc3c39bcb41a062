import { readdir, readFile, rm, writeFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { loadBenchmark } from "./discover.ts";
import { type Chart, drawChart } from "./chart.ts";
import { root } from "./node.ts";
import { markdown } from "./report.ts";
import type { Row } from "./row.ts";
import { readAllStored, type Stored } from "./stored.ts";

/** The page; what is outside the two marks is written by hand. */
export const page = join(root, "docs", "performance.md");

const pictures = "performance";
const begin = "<!-- Measured: `npm run bench -- --write-docs` writes what follows. -->";
const end = "<!-- End of what is measured. -->";

/** Rows that one picture can show and still be read. */
const most = 30;

/** What the page and its pictures should be, by file below docs/. */
export async function performancePage(): Promise<Map<string, string>> {
    const files = new Map<string, string>();
    const sections = await Promise.all((await readAllStored()).map(section));
    for (const { drawn } of sections) for (const [file, svg] of drawn) files.set(file, svg);
    const written = await readFile(page, "utf8");
    const from = written.indexOf(begin);
    const to = written.indexOf(end);
    if (from < 0 || to < from) throw new Error(`${page} has no place between ${begin} and ${end}`);
    const measured = sections.map(({ text }) => text).join("\n");
    files.set("performance.md", `${written.slice(0, from)}${begin}\n\n${measured}\n${written.slice(to)}`);
    return files;
}

/** Writes them, and removes pictures of results that are kept no more. */
export async function writePerformancePage(): Promise<void> {
    const docs = join(root, "docs");
    await mkdir(join(docs, pictures), { recursive: true });
    const files = await performancePage();
    for (const name of await readdir(join(docs, pictures))) await rm(join(docs, pictures, name));
    for (const [file, text] of files) await writeFile(join(docs, file), text);
}

async function section({ taken, quick, report }: Stored): Promise<{ text: string; drawn: Map<string, string> }> {
    const { about } = await loadBenchmark(report.name);
    const charts = chartsOf(report.rows);
    const drawn = new Map(
        charts.map((chart, index) => [`${pictures}/${report.name}-${index + 1}.svg`, drawChart(chart)] as const),
    );
    const [heading = "", ...rest] = markdown(report).split("\n");
    const scale = quick ? " A rough look (`--quick`): a tenth of the scale." : "";
    const links = [...drawn.keys()].map((file, index) => `![${charts[index]?.title}](${file})\n`);
    return {
        text: [heading, "", `${about} Taken ${taken}.${scale}`, ...rest.slice(0, 3), ...links, ...rest.slice(3)].join(
            "\n",
        ),
        drawn,
    };
}

/** One picture per unit. A case that repeats its figure beside several others is one bar. */
function chartsOf(rows: readonly Row[]): Chart[] {
    const bars = new Map<string, Row>();
    for (const one of rows) {
        const [name = ""] = one.case.split(" beside ");
        if (!bars.has(name)) bars.set(name, { ...one, case: name, aim: name === one.case ? one.aim : null });
    }
    const units = [...new Set(rows.map(({ unit }) => unit))];
    return units
        .map(unit => ({
            title: `Median in ${unit}; minimum and maximum in brackets`,
            unit,
            rows: [...bars.values()].filter(bar => bar.unit === unit).slice(0, most),
        }))
        .filter(chart => chart.unit !== "" && chart.rows.length > 1);
}
