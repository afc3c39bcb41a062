import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readPage, root } from "../docs/pages.ts";
import { beginTelling } from "./telling.ts";
import { type CommandStep, firstDifference, inFull, readChapters, retold, sourceOf } from "./transcript.ts";

// `npm run story`: does what docs/story.md says, and writes what a command prints where the page says something else.
// What is left out stays so where it agrees; elsewhere all of it is put in, for a person to leave out. All that was
// printed goes to standard output.

const page = await readPage("docs/story.md");
const telling = await beginTelling();
const said: [CommandStep, CommandStep][] = [];
try {
    for (const { heading, steps } of readChapters(page.text)) {
        process.stderr.write(`\n${heading}\n`);
        for (const step of steps) {
            const began = performance.now();
            const printed = await telling.take(step);
            if (step.kind === "file" || !printed) continue;
            const now = inFull(step.command, printed, telling.home);
            console.log(sourceOf(now));
            const isTrue =
                printed.code === step.code && firstDifference(step.lines, printed.output, telling.home) === undefined;
            said.push([step, isTrue ? step : now]);
            const seconds = ((performance.now() - began) / 1000).toFixed(1);
            process.stderr.write(`${seconds.padStart(6)} s ${isTrue ? " " : "≠"} ${step.command.split("\n")[0]}\n`);
        }
    }
} finally {
    await writeFile(join(root, page.file), retold(page.text, said));
    await telling.end();
}
