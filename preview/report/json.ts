import type { Report } from "./report.ts";

/** report.json: the report as it is, for machines. docs/preview.md says what is in it; `format` changes with it. */
export function jsonOf(report: Report): string {
    return `${JSON.stringify(report, null, 2)}\n`;
}
