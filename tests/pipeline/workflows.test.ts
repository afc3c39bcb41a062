import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { jobNames } from "../../toolchain/pipeline/jobs.ts";
import { readPage } from "../docs/pages.ts";
import { stackNames } from "../../toolchain/stackFile.ts";

const root = join(import.meta.dirname, "../..");
const folder = join(root, ".github/workflows");

interface Step {
    readonly uses?: string;
    readonly run?: string;
    readonly with?: Readonly<Record<string, unknown>>;
    readonly env?: Readonly<Record<string, string>>;
}

interface Job {
    readonly if?: string;
    readonly environment?: string;
    readonly permissions?: Readonly<Record<string, string>>;
    readonly "timeout-minutes"?: number;
    readonly needs?: string;
    readonly strategy?: { readonly matrix: { readonly stack: readonly string[] } };
    readonly steps: readonly Step[];
}

interface Workflow {
    readonly on: Readonly<Record<string, unknown>>;
    readonly permissions: object;
    readonly concurrency?: { readonly group: string };
    readonly jobs: Readonly<Record<string, Job>>;
}

const files = readdirSync(folder).map(name => {
    const text = readFileSync(join(folder, name), "utf8");
    return { name, text, workflow: parse(text) as Workflow };
});
const jobs = files.flatMap(({ name, workflow }) =>
    Object.entries(workflow.jobs).map(([job, content]) => ({ where: `${name}: ${job}`, workflow, job: content })),
);

describe("the workflows", () => {
    it("are there: review, deploy, hotfix, drift and destroy", () => {
        assert.deepEqual(files.map(({ name }) => name).sort(), [
            "deploy.yml",
            "destroy.yml",
            "drift.yml",
            "hotfix.yml",
            "review.yml",
        ]);
    });

    it("pin every action by its full hash, with its version beside it, and one hash per action", () => {
        const hashes = new Map<string, Set<string>>();
        for (const { name, text } of files) {
            const lines = text.split("\n").filter(line => /\buses:/.test(line));
            assert.ok(lines.length > 0, name);
            for (const line of lines) {
                const [, action = "", hash = ""] =
                    /uses: ([\w-]+\/[\w-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$/.exec(line) ?? [];
                assert.notEqual(hash, "", `${name}: ${line.trim()}`);
                hashes.set(action, (hashes.get(action) ?? new Set()).add(hash));
            }
        }
        for (const [action, some] of hashes) assert.equal(some.size, 1, action);
    });

    it("begin with no permission at all, and the only one to write is for the comment of a review", () => {
        for (const { name, workflow } of files) assert.deepEqual(workflow.permissions, {}, name);
        const writing = jobs.filter(({ job }) => Object.values(job.permissions ?? {}).includes("write"));
        assert.deepEqual(
            writing.map(({ where, job }) => [where, job.permissions]),
            [["review.yml: preview", { contents: "read", "pull-requests": "write" }]],
        );
        for (const { where, job } of jobs) assert.equal(job.permissions?.contents, "read", where);
    });

    it("never run a stranger's code with the repository's own rights", () => {
        const allowed = ["pull_request", "push", "schedule", "workflow_dispatch"];
        for (const { name, workflow } of files) {
            for (const event of Object.keys(workflow.on)) assert.ok(allowed.includes(event), `${name}: ${event}`);
        }
    });

    it("show secrets only to jobs of an environment, and in a review none to forks", () => {
        for (const { where, workflow, job } of jobs) {
            const text = JSON.stringify(job);
            if (!/secrets\.|github\.token/.test(text)) continue;
            assert.ok(job.environment, where);
            if (!("pull_request" in workflow.on)) continue;
            assert.equal(job.if, "github.event.pull_request.head.repo.full_name == github.repository", where);
            assert.doesNotMatch(text, /SERVICE_ROLE_KEY/, where);
            assert.match(text, /SIMULATION_DB_PREVIEW_USER/, where);
        }
    });

    it("leave no login to git behind for what runs after it", () => {
        const checkouts = jobs.flatMap(({ job }) =>
            job.steps.filter(({ uses }) => uses?.startsWith("actions/checkout@")),
        );
        assert.equal(checkouts.length, jobs.length);
        for (const step of checkouts) assert.equal(step.with?.["persist-credentials"], false);
    });

    it("call our script and nothing else, with no text of an event in the command", () => {
        for (const { where, job } of jobs) {
            const commands = job.steps.flatMap(({ run }) => run ?? []);
            assert.equal(commands.length, 1, where);
            const [, name = ""] =
                /^npm run -s ci -- (\w+)(?: -s (?:"\$STACK"|[a-z]+)(?: --confirm "\$CONFIRM")?)?$/.exec(
                    commands[0] ?? "",
                ) ?? [];
            assert.ok(jobNames.includes(name), `${where}: ${commands[0]}`);
        }
    });

    it("reach prod by way of staging only, with the record of what has run there", () => {
        const deploy = files.find(({ name }) => name === "deploy.yml")?.workflow.jobs ?? {};
        assert.deepEqual(Object.keys(deploy), ["staging", "prod"]);
        assert.equal(deploy["prod"]?.needs, "staging");
        assert.equal(deploy["prod"]?.environment, "prod", "whose reviewers are asked");
        const artifact = (job: string, action: string) =>
            deploy[job]?.steps.find(({ uses }) => uses?.startsWith(`actions/${action}@`))?.with?.["name"];
        assert.ok(artifact("staging", "upload-artifact"));
        assert.equal(artifact("prod", "download-artifact"), artifact("staging", "upload-artifact"));
    });

    it("take nothing back when an old run of theirs is started again: then they apply what main is by now", () => {
        const refs = jobs
            .filter(({ job }) => job.steps.some(({ run }) => /-- up /.test(run ?? "")))
            .map(({ where, job }) => {
                const source = job.steps.find(({ uses }) => uses?.startsWith("actions/checkout@"));
                return [where, source?.with?.["ref"]];
            });
        // A first run of prod applies the commit that its reviewer approves.
        const approved = "${{ github.run_attempt == 1 && github.sha || 'main' }}";
        assert.deepEqual(refs, [
            ["deploy.yml: staging", "main"],
            ["deploy.yml: prod", approved],
            ["hotfix.yml: prod", approved],
        ]);
    });

    it("reach prod without staging only when a person starts them and says why", () => {
        const { workflow } = files.find(({ name }) => name === "hotfix.yml") ?? {};
        assert.deepEqual(Object.keys(workflow?.on ?? {}), ["workflow_dispatch"]);
        assert.deepEqual(Object.keys(workflow?.jobs ?? {}), ["prod"]);
        const job = workflow?.jobs["prod"];
        assert.equal(job?.environment, "prod", "whose reviewers are asked");
        const step = job?.steps.find(({ run }) => run !== undefined);
        assert.equal(step?.env?.["SIMULATION_DB_UNPROMOTED_REASON"], "${{ inputs.reason }}");
        const others = files.filter(({ name }) => name !== "hotfix.yml");
        for (const { name, text } of others) assert.doesNotMatch(text, /UNPROMOTED_REASON/, name);
    });

    it("share no group, in which GitHub would cancel one for another that waits", () => {
        const groups = files.flatMap(({ workflow }) => workflow.concurrency?.group ?? []);
        assert.equal(groups.length, 4);
        assert.equal(new Set(groups).size, groups.length, groups.join());
    });

    it("look for drift each night, and destroy only when a person starts them", () => {
        const events = (file: string) => Object.keys(files.find(({ name }) => name === file)?.workflow.on ?? {});
        assert.deepEqual(events("destroy.yml"), ["workflow_dispatch"]);
        assert.deepEqual(events("drift.yml"), ["schedule", "workflow_dispatch"]);
    });

    it("have the actions in the versions that docs/ci.md has checked", async () => {
        const page = await readPage("docs/ci.md");
        const checked = [...page.text.matchAll(/github\.com\/(\S+) refs\/tags\/(v\S+)/g)].map(
            ([, action, tag]) => `${action} ${tag}`,
        );
        const used = files.flatMap(({ text }) =>
            [...text.matchAll(/uses: (\S+)@\S+ # (v\S+)/g)].map(([, action, tag]) => `${action} ${tag}`),
        );
        assert.deepEqual([...new Set(used)].sort(), checked.sort());
    });

    it("preview each stack that is not embedded, and look for its drift", () => {
        const real = stackNames(root).filter(
            name => !/databaseHost: embedded/.test(readFileSync(join(root, `Pulumi.${name}.yaml`), "utf8")),
        );
        for (const where of ["review.yml: preview", "drift.yml: drift"]) {
            const { job } = jobs.find(each => each.where === where) ?? {};
            assert.deepEqual([...(job?.strategy?.matrix.stack ?? [])].sort(), real, where);
        }
    });

    it("name stacks that have a file, and an end to each job's patience", () => {
        const known = stackNames(root);
        for (const { where, job } of jobs) {
            for (const stack of job.strategy?.matrix.stack ?? [])
                assert.ok(known.includes(stack), `${where}: ${stack}`);
            for (const { run = "" } of job.steps) {
                const [, stack] = / -s ([a-z]+)/.exec(run.replace("run -s", "run")) ?? [];
                if (stack !== undefined) assert.ok(known.includes(stack), `${where}: ${stack}`);
            }
            assert.ok(job["timeout-minutes"], where);
        }
    });
});
