import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { inWords } from "../runner/database/sqlError.ts";
import { explain, UserError } from "../runner/userError.ts";
import { reportFolder } from "./report/presentation.ts";
import { stoppedFile, stoppedText } from "./report/stopped.ts";

/**
 * Does the work; a user's mistake, or a database that cannot answer, ends the program in words and without a stack trace.
 * The words also stay beside the reports: a pipeline publishes them where there is none.
 */
export async function orStop<T>(work: () => T | Promise<T>): Promise<T> {
    try {
        return await work();
    } catch (thrown) {
        const error = inWords(thrown);
        if (!(error instanceof UserError)) throw error;
        // Why the run ends matters more than where that could not be written.
        await keep(error).catch(() => undefined);
        throw new pulumi.RunError(explain(error));
    }
}

async function keep(error: UserError): Promise<void> {
    const folder = reportFolder(pulumi.getStack());
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, stoppedFile), stoppedText(error));
}
