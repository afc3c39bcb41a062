import type { StatusJson } from "../preview/status.ts";
import { byteSize } from "../runner/byteSize.ts";
import { textTable } from "../runner/textTable.ts";
import { explain } from "../runner/userError.ts";
import type { Captured } from "./child.ts";

/** What is known of an environment, or why nothing is. */
type Answer = StatusJson | { readonly stack: string; readonly error: string };

/**
 * Where all environments stand. One that cannot be asked is a line of the answer, and no end of it.
 *
 * @param ask runs `preview/status.ts --json` for a stack
 * @returns exit code: 1 when one could not be asked
 */
export async function statusOfAll(
    stacks: readonly string[],
    args: readonly string[],
    ask: (stack: string) => Promise<Captured>,
): Promise<number> {
    const answers: Answer[] = [];
    // One after the other: the toolchain speaks of one at a time.
    for (const stack of stacks) answers.push(await answerOf(stack, ask));
    if (args.includes("--json")) console.log(JSON.stringify(answers, null, 4));
    else console.log(allLines(answers).join("\n"));
    return answers.some(answer => "error" in answer) ? 1 : 0;
}

async function answerOf(stack: string, ask: (stack: string) => Promise<Captured>): Promise<Answer> {
    try {
        const { problem, stdout, stderr } = await ask(stack);
        if (problem === undefined) return { ...(JSON.parse(stdout) as StatusJson), stack };
        return { stack, error: stderr.trim() || problem };
    } catch (error) {
        return { stack, error: explain(error) };
    }
}

function allLines(answers: readonly Answer[]): string[] {
    const rows = answers.map(answer => ("error" in answer ? [answer.stack, "not asked"] : row(answer)));
    const right = { align: "right" } as const;
    const table = textTable(
        [
            { title: "stack" },
            { title: "newest" },
            { title: "pending", ...right },
            { title: "foreign", ...right },
            { title: "drift", ...right },
            { title: "last backup" },
            { title: "archive", ...right },
        ],
        rows,
    );
    const errors = answers.flatMap(answer => ("error" in answer ? ["", `${answer.stack}: ${answer.error}`] : []));
    return [...table, ...errors];
}

function row({ stack, applied, pending, foreign, drift, lastBackup, archive }: StatusJson): string[] {
    return [
        stack,
        applied.at(-1)?.version ?? "none",
        String(pending.length),
        String(foreign.length),
        drift.notChecked !== undefined && drift.objects.length === 0 ? "?" : String(drift.objects.length),
        lastBackup?.at.slice(0, 16).replace("T", " ") ?? "none here",
        archive.parts === 0 ? "empty" : byteSize(archive.bytes),
    ];
}
