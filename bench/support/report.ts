import type { Findings } from "./benchmark.ts";
import { type Machine, readMachine } from "./machine.ts";
import type { Row, Spread } from "./row.ts";

/** What `npm run bench -- NAME --json` prints. */
export interface Report extends Findings {
    readonly name: string;
    readonly machine: Machine;
}

/** @param machine as it was before the benchmark: afterwards its load is our own */
export function report(name: string, { versions, ...found }: Findings, machine: Machine = readMachine()): Report {
    return { name, machine, versions: { node: process.versions.node, ...versions }, ...found };
}

/** The same for people. */
export function markdown({ name, machine, versions, rows }: Report): string {
    const programs = Object.entries(versions).map(([program, version]) => `${program} ${version}`);
    return [
        `## ${name}`,
        "",
        `${machine.cores} x ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.platform}; load ${machine.loadBefore} before the start. ${programs.join(", ")}.`,
        "",
        "| case | median | min – max | ratio | min – max | against | aim | holds |",
        "|---|---|---|---|---|---|---|---|",
        ...rows.map(line),
        "",
    ].join("\n");
}

/** Not zero when an aim is missed, or was not measured, and that matters. */
export function exitCode(reports: readonly Report[], { strict }: { strict: boolean }): number {
    const falls = ({ rows, leftOut = [] }: Report) => leftOut.length > 0 || rows.some(({ holds }) => holds === false);
    return strict && reports.some(falls) ? 1 : 0;
}

function line(row: Row): string {
    const range = (spread: Spread | null) => (spread && row.runs > 1 ? `${spread.min} – ${spread.max}` : "");
    const cells = [
        row.note ? `${row.case} (${row.note})` : row.case,
        `${row.value} ${row.unit}`,
        range(row.spread),
        row.ratio === null ? "" : `${row.ratio} x`,
        range(row.ratioSpread),
        row.against ?? "",
        row.aim ?? "",
        row.holds === null ? "" : row.holds ? "yes" : "**no**",
    ];
    return `| ${cells.map(cell => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
