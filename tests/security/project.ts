import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PostgresMajor } from "../../local/cluster.ts";
import { datasetMimeTypes } from "../../runner/datasetFileTypes.ts";
import { isOwn, sqlFolder } from "../sql/own.ts";
import { type Run, type RunOptions, type RunOutcome, startRun } from "../support/sqlProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { stackGrants } from "./stage.ts";

/** A project as an up leaves it, with a Storage endpoint, and the runner to be run on it. */
export interface Project {
    readonly target: StackTarget;
    /** `node runner/main.ts …` in a folder with the project's own migrations. */
    run(command: string, options?: RunOptions): Promise<RunOutcome>;
    /** The same, to be looked at from its start. */
    start(command: string, options?: RunOptions): Run;
    stop(): Promise<void>;
}

/** The policy of sql/0025_dataset_files_anon_policies that others' hold against, made again after it was dropped. */
export const anonReadsNothing = `
    create policy dataset_files_anon_no_read on storage.objects as restrictive for select to anon
    using (bucket_id is distinct from (select simulation_private.dataset_bucket_id()))`;

/** What the stack tells `bucket put`. */
export const bucketSettings = { name: "datasets", maxBytes: 52_428_800, mimeTypes: datasetMimeTypes };

/** @param older SQL that makes it another project than the baseline, before the stack comes */
export async function makeProject(major: PostgresMajor, older = ""): Promise<Project> {
    const target = await stackTarget({ major });
    const [, , jwtSecret = ""] = target.secrets;
    const folder = await mkdtemp(join(tmpdir(), "simulation-db-project-"));
    await cp(sqlFolder, join(folder, "sql"), { recursive: true, filter: isOwn });
    const stop = async () => {
        await target.stop();
        await rm(folder, { recursive: true, force: true });
    };
    const start = (command: string, options: RunOptions = {}) =>
        startRun(folder, command, {
            ...options,
            env: { ...target.environment, SUPABASE_JWT_SECRET: jwtSecret, ...options.env },
        });
    const run = (command: string, options?: RunOptions) => start(command, options).outcome;
    const must = async (command: string, stdin?: string) => {
        const { code, output } = await run(command, stdin === undefined ? {} : { stdin });
        if (code !== 0) throw new Error(`${command} ended with ${code}:\n${output}`);
    };
    try {
        await target.admin.query(
            `set role postgres; create role dataset_service; create role simulation_reader; ${older}; reset role`,
        );
        await must("migrate up");
        await target.admin.query(`set role postgres; ${stackGrants}; reset role`);
        await must("bucket put", JSON.stringify(bucketSettings));
        return { target, run, start, stop };
    } catch (error) {
        await stop();
        throw error;
    }
}
