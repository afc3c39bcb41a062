import assert from "node:assert/strict";
import { fences, type Page } from "./pages.ts";

/** A block of a page that begins with a prompt: a command, and what it prints. */
export interface Shown {
    readonly command: string;
    readonly lines: readonly string[];
}

/** The blocks of a page that show a command with its output. */
export function shownCommands(page: Page): Shown[] {
    return fences(page, "console")
        .filter(block => block.startsWith("$ "))
        .map(block => {
            const [command = "", ...lines] = block.trimEnd().split("\n");
            return { command: command.slice(2), lines };
        });
}

/** Fails unless each part between two lines of `…` is in the output, in this order; figures may differ. */
export function assertPrinted(lines: readonly string[], output: string): void {
    let rest = comparable(output);
    for (const part of lines.join("\n").split(/^…$/m)) {
        const wanted = comparable(part).trim();
        const at = rest.indexOf(wanted);
        assert.ok(at >= 0, `not printed:\n${part}\nbut:\n${output}`);
        rest = rest.slice(at + wanted.length);
    }
}

/** Times, sizes, and names made of them differ from run to run, and where a line breaks with them. */
function comparable(text: string): string {
    return text
        .replaceAll(/\s+/g, " ")
        .replaceAll(/\bpostgres-[0-9a-f]{8}-\d{8}T\d+Z/g, "BACKUP")
        .replaceAll(/\b\d{4}-\d\d-\d\d[T ][\d:.]+Z?/g, "TIME")
        .replaceAll(/\b\d{19}\b/g, "SERVER")
        .replaceAll(/\b[\d,]+(\.\d+)? ?(ms|s|kB|MB|rows)\b/g, "N")
        .replaceAll(/\b[\d,]+ N\b/g, "N");
}
