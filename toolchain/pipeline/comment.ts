import { isLoopback } from "../../runner/database/loopback.ts";
import { UserError } from "../../runner/userError.ts";

/** A pull request, and who speaks there. */
export interface PullRequest {
    /** Address of GitHub's REST API. */
    readonly api: string;
    /** owner/name */
    readonly repository: string;
    readonly number: number;
    readonly token: string;
}

/** What GitHub tells of a comment, as far as it matters here. */
interface Comment {
    readonly id: number;
    readonly body?: string;
    readonly html_url: string;
    readonly user?: { readonly type?: string } | null;
}

/** GitHub takes 65,536 characters, the marker among them. */
const longest = 65_000;
const perPage = 100;
/** In milliseconds, for one request. */
const patience = 30_000;

/**
 * Writes a comment on a pull request, or brings up to date the one that is there. It is known by its first line, which
 * GitHub does not show, and by its author, a program: what a person wrote is never overwritten.
 *
 * @param name of the comment; there is one of each
 * @param text Markdown; cut where GitHub would refuse it
 * @returns its address
 * @throws UserError when GitHub cannot be reached or refuses; the token is in no message
 */
export async function commentOn(on: PullRequest, name: string, text: string): Promise<string> {
    const marker = `<!-- ${name} -->`;
    const body = `${marker}\n${fitting(text)}`;
    const comments = `/repos/${on.repository}/issues/${on.number}/comments`;
    const old = await find(on, comments, marker);
    const written =
        old === undefined
            ? await request<Comment>(on, "POST", comments, { body })
            : await request<Comment>(on, "PATCH", `/repos/${on.repository}/issues/comments/${old.id}`, { body });
    return written.html_url;
}

async function find(on: PullRequest, comments: string, marker: string): Promise<Comment | undefined> {
    for (let page = 1; ; page++) {
        const some = await request<Comment[]>(on, "GET", `${comments}?per_page=${perPage}&page=${page}`);
        const ours = some.find(({ body, user }) => user?.type === "Bot" && firstLine(body) === marker);
        if (ours !== undefined || some.length < perPage) return ours;
    }
}

/** GitHub ends lines as a browser does. */
function firstLine(body = ""): string {
    return body.split(/\r?\n/, 1)[0] ?? "";
}

/** What was cut is said first: the cut may be within a block of code. */
function fitting(text: string): string {
    if (text.length <= longest) return text;
    const cut = text.slice(0, text.lastIndexOf("\n", longest));
    return `**Only the beginning: the report is longer than a comment may be. All of it is in report.md.**\n\n${cut}`;
}

async function request<Answer>(on: PullRequest, method: string, path: string, content?: object): Promise<Answer> {
    const url = new URL(on.api.replace(/\/$/, "") + path);
    if (url.protocol !== "https:" && !isLoopback(url.hostname)) {
        throw new UserError(`GITHUB_API_URL is ${on.api}: a token is sent by https only.`);
    }
    const response = await fetch(url, {
        method,
        headers: {
            accept: "application/vnd.github+json",
            authorization: `Bearer ${on.token}`,
            "content-type": "application/json",
            "x-github-api-version": "2022-11-28",
        },
        signal: AbortSignal.timeout(patience),
        ...(content === undefined ? {} : { body: JSON.stringify(content) }),
    }).catch((error: unknown) => {
        throw new UserError(`GitHub could not be reached at ${url.origin}: ${reasonOf(error)}`);
    });
    if (response.ok) return (await response.json()) as Answer;
    const { message } = (await response.json().catch(() => ({}))) as { message?: string };
    throw new UserError(
        `GitHub refused the comment (${method} ${url.pathname}: ${response.status} ${message ?? ""}).`,
        ["the job needs the permission pull-requests: write"],
    );
}

/** `fetch` says only that it failed; why is one level below. */
function reasonOf(error: unknown): string {
    const { cause, message } = error as Error;
    return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : message;
}
