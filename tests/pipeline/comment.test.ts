import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { UserError } from "../../runner/userError.ts";
import { publish } from "../../toolchain/pipeline/publication.ts";
import { inScratch, put } from "../toolchain/scratch.ts";

interface Stored {
    readonly id: number;
    body: string;
    readonly html_url: string;
    readonly user: { readonly type: string };
}

const token = "a-token-that-nobody-may-read";

/** Answers as GitHub's REST API does for the comments of pull request 7 of acme/db. */
class GitHub {
    readonly comments: Stored[] = [];
    readonly requests: string[] = [];
    refuses = false;
    readonly #server: Server;

    constructor() {
        this.#server = createServer((request, response) => {
            const url = new URL(request.url ?? "", "http://localhost");
            this.requests.push(`${request.method} ${url.pathname}`);
            let text = "";
            request.on("data", (part: Buffer) => (text += part.toString()));
            request.on("end", () => {
                const [status, answer] = this.#answer(request.method ?? "", url, request.headers.authorization, text);
                response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
            });
        });
    }

    async start(): Promise<string> {
        await new Promise<void>(resolve => this.#server.listen(0, "127.0.0.1", resolve));
        return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    }

    async stop(): Promise<void> {
        this.#server.closeAllConnections();
        await new Promise(resolve => this.#server.close(resolve));
    }

    add(body: string, type: string): void {
        const id = this.comments.length + 1;
        this.comments.push({ id, body, html_url: `https://example.org/${id}`, user: { type } });
    }

    #answer(method: string, url: URL, authorization: string | undefined, text: string): [number, unknown] {
        if (authorization !== `Bearer ${token}` || this.refuses) {
            return [403, { message: "Resource not accessible by integration" }];
        }
        if (url.pathname === "/repos/acme/db/issues/7/comments") {
            if (method === "GET") {
                const [size, page] = [Number(url.searchParams.get("per_page")), Number(url.searchParams.get("page"))];
                return [200, this.comments.slice(size * (page - 1), size * page)];
            }
            this.add((JSON.parse(text) as { body: string }).body, "Bot");
            return [201, this.comments.at(-1)];
        }
        const id = Number(/^\/repos\/acme\/db\/issues\/comments\/(\d+)$/.exec(url.pathname)?.[1]);
        const found = this.comments.find(comment => comment.id === id);
        if (method !== "PATCH" || found === undefined) return [404, { message: "Not Found" }];
        found.body = (JSON.parse(text) as { body: string }).body;
        return [200, found];
    }
}

describe("the comment of a pull request", () => {
    let github: GitHub;
    let api: string;
    beforeEach(async () => {
        github = new GitHub();
        api = await github.start();
    });
    afterEach(() => github.stop());

    /** Publishes as in a run for pull request 7, or for the event that is given. */
    async function published(text: string, stack = "staging", event: object = { pull_request: { number: 7 } }) {
        const said: string[] = [];
        await inScratch(async folder => {
            const env = {
                GITHUB_API_URL: api,
                GITHUB_REPOSITORY: "acme/db",
                GITHUB_TOKEN: token,
                GITHUB_EVENT_PATH: put(join(folder, "event.json"), JSON.stringify(event)),
            };
            await publish({ stack, text }, { env, say: line => said.push(line) });
        });
        return said;
    }

    it("is written once and then brought up to date, one for each stack", async () => {
        assert.deepEqual(await published("first"), ["The report is in the pull request: https://example.org/1"]);
        await published("of prod", "prod");
        await published("second");
        assert.deepEqual(
            github.comments.map(({ body }) => body),
            [
                "<!-- simulation-db: staging -->\n## Preview of staging\n\nsecond",
                "<!-- simulation-db: prod -->\n## Preview of prod\n\nof prod",
            ],
        );
    });

    it("names the commit that it is about, where the event does", async () => {
        const sha = "0123456789abcdef0123456789abcdef01234567";
        await published("text", "staging", { pull_request: { number: 7, head: { sha } } });
        assert.match(
            github.comments[0]?.body ?? "",
            new RegExp(`\n## Preview of staging\n\nOf commit ${sha}\\.\n\ntext$`),
        );
    });

    it("is found on a later page, with the line ends of a browser", async () => {
        for (let count = 0; count < 150; count++) github.add("a word", "User");
        github.add("<!-- simulation-db: staging -->\r\nold", "Bot");
        await published("new");
        assert.equal(github.comments.length, 151);
        assert.match(github.comments[150]?.body ?? "", /new$/);
    });

    it("never takes the place of what a person wrote", async () => {
        github.add("<!-- simulation-db: staging -->\nI copied this", "User");
        github.add("it said <!-- simulation-db: staging -->", "Bot");
        await published("ours");
        assert.equal(github.comments.length, 3);
        assert.match(github.comments[0]?.body ?? "", /I copied this$/);
        assert.match(github.comments[1]?.body ?? "", /^it said/);
    });

    it("is cut to what GitHub takes, and says so before anything else", async () => {
        await published("a line of the report\n".repeat(10_000));
        const [comment] = github.comments;
        assert.ok(comment && comment.body.length <= 65_536 && comment.body.length > 60_000);
        assert.match(comment.body, /^<!-- .* -->\n\*\*Only the beginning: the report is longer than a comment may be/);
        assert.match(comment.body, /a line of the report$/);
    });

    it("is not written outside of a pull request", async () => {
        await published("of a night", "staging", { schedule: "17 3 * * *" });
        assert.deepEqual(github.requests, []);
    });

    it("that is refused is an error with what to do, without the token", async () => {
        github.refuses = true;
        await assert.rejects(published("text"), error => {
            assert.ok(error instanceof UserError);
            assert.match(error.message, /^GitHub refused the comment \(GET .*: 403 Resource not accessible/);
            assert.deepEqual(error.next, ["the job needs the permission pull-requests: write"]);
            assert.doesNotMatch(error.message, new RegExp(token));
            return true;
        });
    });

    it("needs a GitHub that answers, and a connection that nobody can listen to", async () => {
        api = "http://127.0.0.1:1";
        await assert.rejects(published("text"), /GitHub could not be reached at http:\/\/127\.0\.0\.1:1: /);
        api = "http://github.example.org";
        await assert.rejects(published("text"), /a token is sent by https only/);
    });

    it("has a twin in the summary of the run", () =>
        inScratch(async folder => {
            const summary = put(join(folder, "summary.md"), "");
            await publish({ stack: "prod", text: "text" }, { env: { GITHUB_STEP_SUMMARY: summary }, say: () => {} });
            assert.equal(readFileSync(summary, "utf8"), "## prod\n\ntext\n");
        }));
});
