import { withoutDots } from "../support/engineDots.ts";
import type { Printed } from "./shell.ts";

/** A file that the reader writes: a block of SQL or YAML whose first line is its name. */
interface FileStep {
    readonly kind: "file";
    readonly path: string;
    readonly text: string;
}

/** A command that the reader types, and what the page says it prints. */
export interface CommandStep {
    readonly kind: "command";
    readonly command: string;
    readonly lines: readonly string[];
    /** Said in the last line, where it is not 0. */
    readonly code: number;
}

export type Step = FileStep | CommandStep;

/** A section of the page, and what is done in it. */
export interface Chapter {
    readonly heading: string;
    readonly steps: readonly Step[];
}

/** Stands for lines that are left out, or for the rest of a line. */
const leftOut = "…";

/** Reads a page: sections with their blocks. */
export function readChapters(text: string): Chapter[] {
    const chapters: { heading: string; steps: Step[] }[] = [];
    // A block as a whole, so that a heading in what a command prints begins nothing.
    for (const [part, language, block = ""] of text.matchAll(/^## .*$|^```(\w*)\n([\s\S]*?)^```$/gm)) {
        if (language === undefined) chapters.push({ heading: part.slice("## ".length), steps: [] });
        else chapters.at(-1)?.steps.push(...stepsOf(language, block));
    }
    return chapters;
}

function stepsOf(language: string, block: string): Step[] {
    if (language === "console") return commandsOf(block);
    const [, path] = /^(?:--|#) (\S+)\n/.exec(block) ?? [];
    return path === undefined ? [] : [{ kind: "file", path, text: block.slice(block.indexOf("\n") + 1) }];
}

/** `$` begins a command, `>` goes on with it, the rest is what it prints. */
function commandsOf(block: string): CommandStep[] {
    return block
        .split(/^\$ /m)
        .slice(1)
        .map(text => {
            const [first = "", ...rest] = text.trimEnd().split("\n");
            const more = rest.findIndex(line => !line.startsWith("> "));
            const goesOn = rest.slice(0, more < 0 ? rest.length : more).map(line => line.slice(2));
            const lines = rest.slice(goesOn.length);
            const [, code] = /^\(exit code (\d+)\)$/.exec(lines.at(-1) ?? "") ?? [];
            return {
                kind: "command",
                command: [first, ...goesOn].join("\n"),
                lines: code === undefined ? lines : lines.slice(0, -1),
                code: Number(code ?? 0),
            };
        });
}

/** A step as it stands on the page. */
export function sourceOf({ command, lines, code }: CommandStep): string {
    const exit = code === 0 ? [] : [`(exit code ${code})`];
    return [`$ ${command.replaceAll("\n", "\n> ")}`, ...lines, ...exit].join("\n");
}

/**
 * The page with other words for some of its commands.
 *
 * @param said each command of the page, in order: as it is now, or with what it printed
 */
export function retold(text: string, said: readonly (readonly [CommandStep, CommandStep])[]): string {
    let before = "";
    let rest = text;
    for (const [step, now] of said) {
        const at = rest.indexOf(sourceOf(step));
        before += rest.slice(0, at) + sourceOf(now);
        rest = rest.slice(at + sourceOf(step).length);
    }
    return before + rest;
}

/** What a command printed, as a page would say it in full. */
export function inFull(command: string, printed: Printed, folder: string): CommandStep {
    return { kind: "command", command, lines: linesOf(printed.output.replaceAll(folder, "~")), code: printed.code };
}

/** What is another value in each run, or on each machine: the same word stands for it on both sides. */
const masks: readonly (readonly [RegExp, string])[] = [
    [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)?/g, "<time>"],
    [/\d{8}T\d{9}Z/g, "<time>"],
    [/\b\d{19}\b/g, "<id>"],
    [/\b[0-9a-f]{7,64}\b/g, "<hash>"],
    [/\b\d+(\.\d+)? ?(ms|s)\b/g, "<duration>"],
    [/\b\d+(\.\d+)? (bytes|kB|MB)/g, "<size>"],
    [/\b(localhost|127\.0\.0\.1):\d+/g, "$1:<port>"],
    [/\bPostgreSQL (\d+)\.\d+/g, "PostgreSQL $1"],
    [/ {2,}/g, "  "],
];

function masked(line: string): string {
    return masks.reduce((text, [what, word]) => text.replaceAll(what, word), line.trimEnd());
}

/**
 * Compares what was printed with what the page says, which leaves out the engine's dots.
 *
 * @param folder the page calls it `~`
 * @returns undefined when it is as the page says; else the first of its lines that were not printed there
 */
export function firstDifference(said: readonly string[], output: string, folder: string): string | undefined {
    const printed = linesOf(withoutDots(output).replaceAll(folder, "~")).map(masked);
    const runs = runsOf(said);
    let at = 0;
    for (const [index, run] of runs.entries()) {
        const patterns = run.map(patternOf);
        const last = printed.length - run.length;
        // The first run begins what was printed, the last one ends it, the others are anywhere between.
        const from = index > 0 && index === runs.length - 1 ? Math.max(at, last) : at;
        const to = index === 0 ? 0 : last;
        const fits = (start: number) => patterns.every((each, offset) => each.test(printed[start + offset] ?? ""));
        let found = from;
        while (found <= to && !fits(found)) found += 1;
        if (found > to) return run.join("\n");
        at = found + run.length;
    }
    return at === printed.length ? undefined : `nothing after ${said.at(-1) ?? "the command"}`;
}

function linesOf(output: string): string[] {
    const text = output.trimEnd();
    return text === "" ? [] : text.split("\n");
}

/** The runs of lines between those that are left out; the first and the last may be empty. */
function runsOf(lines: readonly string[]): string[][] {
    const runs: string[][] = [[]];
    for (const line of lines) {
        if (line.trim() === leftOut) runs.push([]);
        else runs.at(-1)?.push(line);
    }
    return runs;
}

function patternOf(line: string): RegExp {
    const texts = masked(line)
        .split(leftOut)
        .map(text => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&"));
    return new RegExp(`^${texts.join(".*")}$`);
}
