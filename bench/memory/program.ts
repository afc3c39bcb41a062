import { bareProgram } from "../support/bareProgram.ts";
import { benchStack } from "../support/benchStack.ts";
import { type Row, row } from "../support/row.ts";
import { peakMemory } from "./peak.ts";
import type { StackProject } from "../../tests/support/stackProject.ts";

/** How much there is to hold in memory, and how often a preview is looked at. */
interface Size {
    readonly migrations: number;
    readonly tables: number;
    readonly count: number;
}

/**
 * The program of the stack, which is what previews too, on a database with tables of others: while all migrations are
 * pending and tried out, in the up that applies them, and when nothing is left to do.
 */
export async function peaksOfProgram({ migrations, tables, count }: Size, say: (line: string) => void): Promise<Row[]> {
    const ground = `${migrations} migrations, ${tables} more tables`;
    const stack = await benchStack({ tables });
    try {
        await stack.declare(migrations);
        say(`preview of ${ground}`);
        const pending = await peaks(count, async () => {
            await stack.forgetResults();
            return await peakOf(stack.project, "preview");
        });
        say(`up of ${ground}`);
        const up = await peakOf(stack.project, "up", "--yes", "--skip-preview");
        const nothing = await peaks(count, () => peakOf(stack.project, "preview"));
        const floor = await bareProgram({ count: await stack.countResources() });
        try {
            const bare = await peaks(count, () => peakOf(floor.project, "preview"));
            const against = { name: "a bare program of as many resources, preview", samples: bare };
            return [
                row(against.name, "MiB", bare),
                row(`the program: preview of ${ground}`, "MiB", pending, { against }),
                row(`the program: up of ${ground}`, "MiB", [up]),
                row(`the program: preview, nothing pending, ${ground}`, "MiB", nothing, { against }),
            ];
        } finally {
            await floor.remove();
        }
    } finally {
        await stack.remove();
    }
}

async function peaks(count: number, once: () => Promise<number>): Promise<number[]> {
    const all: number[] = [];
    while (all.length < count) all.push(await once());
    return all;
}

/** Of the largest Node of a run of the engine: what it starts for each step is smaller. */
async function peakOf(project: StackProject, ...args: readonly string[]): Promise<number> {
    const { environment } = project;
    try {
        return await peakMemory(async noting => {
            project.environment = { ...environment, ...noting };
            await project.must(...args);
        });
    } finally {
        project.environment = environment;
    }
}
