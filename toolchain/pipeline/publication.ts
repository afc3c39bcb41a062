import { appendFile, readFile } from "node:fs/promises";
import { commentOn } from "./comment.ts";

/** A report, on its way to whoever reads it. */
export interface Publication {
    /** Without organization and project. */
    readonly stack: string;
    /** Markdown */
    readonly text: string;
}

interface Surroundings {
    readonly env: NodeJS.ProcessEnv;
    readonly say: (line: string) => void;
}

/**
 * Shows a report where there is somebody to see it: in the summary of a GitHub run, as the comment of its pull request;
 * on a developer's machine it stays in its file, whose place the preview says.
 *
 * @throws UserError when GitHub does not take the comment
 */
export async function publish({ stack, text }: Publication, { env, say }: Surroundings): Promise<void> {
    if (env.GITHUB_STEP_SUMMARY) await appendFile(env.GITHUB_STEP_SUMMARY, `## ${stack}\n\n${text}\n`);
    const { GITHUB_TOKEN: token, GITHUB_REPOSITORY: repository } = env;
    const { number, head } = await pullRequestOf(env);
    if (!token || !repository || number === undefined) return;
    const commit = head?.sha === undefined ? "" : `Of commit ${head.sha}.\n\n`;
    const url = await commentOn(
        { api: env.GITHUB_API_URL || "https://api.github.com", repository, number, token },
        `simulation-db: ${stack}`,
        `## Preview of ${stack}\n\n${commit}${text}`,
    );
    say(`The report is in the pull request: ${url}`);
}

/** What GitHub tells of the pull request that a run is for, as far as it matters here. */
interface PullRequestEvent {
    readonly number?: number;
    readonly head?: { readonly sha?: string };
}

/** The file that GitHub describes the event in, which started the run. */
async function pullRequestOf({ GITHUB_EVENT_PATH: file }: NodeJS.ProcessEnv): Promise<PullRequestEvent> {
    if (!file) return {};
    const event = JSON.parse(await readFile(file, "utf8")) as { pull_request?: PullRequestEvent };
    return event.pull_request ?? {};
}
