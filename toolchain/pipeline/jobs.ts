import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Report } from "../../preview/report/report.ts";
import { stoppedFile } from "../../preview/report/stopped.ts";
import { shortName } from "../../runner/database/settings.ts";
import { didYouMean } from "../../runner/nearest.ts";
import { UserError } from "../../runner/userError.ts";
import type { StackFile } from "../stackFile.ts";
import { type Publication, publish } from "./publication.ts";

/** What a job is given. */
export interface Pipeline {
    readonly stack: Pick<StackFile, "name" | "values">;
    /** Where the reports of the stack's previews are. */
    readonly reports: string;
    /** What the person typed who wants everything rolled back: the stack's name. */
    readonly confirm: string | undefined;
    /** The pipeline's own environment: {@link publish} looks there for GitHub's variables. */
    readonly env: NodeJS.ProcessEnv;
    /** Runs a command of `npm run` with the stack. @returns its exit code */
    readonly run: (verb: string, ...args: string[]) => Promise<number>;
    /** Runs `.ci/run`. @returns its exit code */
    readonly tests: () => Promise<number>;
    readonly say: (line: string) => void;
}

/** By name, as the workflows call them. Each returns an exit code. */
const jobs: Readonly<Record<string, (pipeline: Pipeline) => Promise<number>>> = { check, preview, up, drift, destroy };

export const jobNames: readonly string[] = Object.keys(jobs);

/**
 * Does one job of a pipeline, on a developer's machine as in CI.
 *
 * @returns its exit code
 * @throws UserError for a job that there is none of, and for a destroy that is not allowed
 */
export async function runJob(name: string, pipeline: Pipeline): Promise<number> {
    const job = Object.hasOwn(jobs, name) ? jobs[name] : undefined;
    if (job !== undefined) return await job(pipeline);
    throw new UserError(`There is no job ${name}${didYouMean(name, jobNames)}: there are ${jobNames.join(", ")}.`);
}

/** The quick findings first: who wrote a migration waits for these. */
async function check({ run, tests }: Pipeline): Promise<number> {
    return (await run("check:sql")) || (await tests());
}

async function preview(pipeline: Pipeline): Promise<number> {
    const { code, text } = await reported(pipeline, "preview", "--non-interactive");
    await publish(publicationOf(pipeline, code === 0 ? "" : "The preview ended with an error.", text), pipeline);
    return code;
}

/** Its own preview comes first, so a gate that closed since the review stops it before anything is changed. */
async function up(pipeline: Pipeline): Promise<number> {
    const { code, text } = await reported(pipeline, "up", "--yes", "--non-interactive");
    const report = await readReport(pipeline.reports);
    const warned = code === 0 && report !== undefined && ledgerWords(report) !== undefined;
    const strayed = warned ? await strayedStill(pipeline) : undefined;
    const applied = warned
        ? "Applied. What the report says of the ledger was so before; it is in order now."
        : "Applied.";
    const words = code === 0 ? (strayed ?? applied) : "NOT all applied: the log says why.";
    await publish(publicationOf(pipeline, words, text), pipeline);
    if (strayed !== undefined) pipeline.say(strayed);
    if (code !== 0 || strayed !== undefined) return code || 1;
    // For the stack that is promoted from this one.
    return await pipeline.run("promotion");
}

/**
 * A report is made before the changes, and they may mend what it warns of: a destroy that was interrupted goes on. Or they
 * may not, as the engine applies nothing that its state says is there already.
 *
 * @returns in words how the ledger is after an up that was warned of it; undefined: in order
 */
async function strayedStill(pipeline: Pipeline): Promise<string | undefined> {
    await reported(pipeline, "preview", "--non-interactive");
    const report = await readReport(pipeline.reports);
    if (report !== undefined) return ledgerWords(report);
    return "Applied, but whether that put the ledger in order is not known: the preview after it came to no report.";
}

/** What the setting `drift: warn` lets pass in a preview is what this job is there to tell. */
async function drift(pipeline: Pipeline): Promise<number> {
    const { code, text } = await reported(pipeline, "preview", "--non-interactive");
    if (code !== 0 && text === undefined) return code;
    const report = await readReport(pipeline.reports);
    const words = report === undefined ? "There is no report, so nothing is known of drift." : wordsOf(report);
    const { bucketNotChecked = "" } = report?.drift ?? {};
    const none = bucketNotChecked === "" ? "No drift." : `No drift of the catalog; ${bucketNotChecked}.`;
    await publish(publicationOf(pipeline, words ?? none, text), pipeline);
    // What is pending and stopped is for the review to tell.
    if (words === undefined) return report?.stopped ? 0 : code;
    pipeline.say(words);
    return code || 1;
}

function wordsOf(report: Report): string | undefined {
    const { changes, notChecked } = report.drift;
    const count = `${changes.length} difference${changes.length === 1 ? "" : "s"}`;
    const words = [
        ...(notChecked === undefined ? [] : [`Drift was not checked: ${notChecked}.`]),
        ...(changes.length === 0 ? [] : [`The database is not as the last change left it: ${count}.`]),
    ];
    return words.length === 0 ? ledgerWords(report) : words.join(" ");
}

function ledgerWords({ warnings: { ledger } }: Report): string | undefined {
    if (ledger.length === 0) return undefined;
    return `The ledger is not as the stack's last full run left it: ${ledger.join("; ")}.`;
}

async function destroy({ stack, confirm, run }: Pipeline): Promise<number> {
    if (stack.values.protect) {
        throw new UserError(`The stack ${stack.name} is protected: no pipeline destroys it.`, [
            `when it is meant: set protect to false in Pulumi.${shortName(stack.name)}.yaml, have that reviewed and applied, then destroy`,
        ]);
    }
    if (confirm !== stack.name) {
        throw new UserError(`Everything in the stack ${stack.name} would be rolled back, and nobody confirmed that.`, [
            `npm run ci -- destroy -s ${stack.name} --confirm ${stack.name}`,
        ]);
    }
    return (await run("destroy", "--preview")) || (await run("destroy", "--yes", "--non-interactive"));
}

/** Runs a command that writes reports; an older report is never taken for its own. */
async function reported(pipeline: Pipeline, verb: string, ...args: string[]) {
    for (const file of ["report.md", "report.json", stoppedFile])
        await rm(join(pipeline.reports, file), { force: true });
    const code = await pipeline.run(verb, ...args);
    const read = async (file: string) => await readFile(join(pipeline.reports, file), "utf8").catch(() => undefined);
    return { code, text: (await read("report.md")) ?? (await read(stoppedFile)) };
}

async function readReport(folder: string): Promise<Report | undefined> {
    const text = await readFile(join(folder, "report.json"), "utf8").catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as Report);
}

function publicationOf({ stack }: Pipeline, words: string, report: string | undefined): Publication {
    const none = "There is no report: the log says why.";
    return { stack: shortName(stack.name), text: [words, report ?? none].filter(Boolean).join("\n\n") };
}
