import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Pipeline, runJob } from "../../toolchain/pipeline/jobs.ts";
import { inScratch, put } from "../toolchain/scratch.ts";

const root = join(import.meta.dirname, "../..");

/** What a job of a pipeline did: the commands it ran in their order, and what it published. */
interface Done {
    readonly code: number;
    readonly commands: readonly string[];
    readonly summary: string;
    readonly said: readonly string[];
}

interface Circumstances {
    readonly stack?: string;
    readonly protect?: boolean;
    readonly confirm?: string;
    /** Exit codes by verb; 0 for all others. */
    readonly codes?: Readonly<Record<string, number>>;
    /** What a refused program leaves instead of a report. */
    readonly refusal?: string;
    /** The drift in report.json, and the text of report.md; without it the command writes none. */
    readonly report?: Written;
    /** What the preview after an up writes. */
    readonly after?: Written;
}

interface Written {
    readonly text: string;
    readonly changes?: number;
    readonly notChecked?: string;
    readonly bucketNotChecked?: string;
    /** How the ledger is not as the last full run left it. */
    readonly ledger?: readonly string[];
    /** Whether a gate is closed. */
    readonly stopped?: boolean;
}

/** Runs a job whose commands are only written down: what they do is for the tests of the commands. */
async function done(job: string, circumstances: Circumstances = {}): Promise<Done> {
    const { stack = "staging", protect = false, confirm, codes = {}, refusal, report, after } = circumstances;
    const commands: string[] = [];
    const said: string[] = [];
    let result: Done | undefined;
    await inScratch(async folder => {
        const summary = put(join(folder, "summary.md"), "");
        const reports = join(folder, "reports");
        put(join(reports, "report.md"), "the report of yesterday");
        put(join(reports, "report.json"), JSON.stringify({ drift: { changes: [] } }));
        put(join(reports, "stopped.md"), "the refusal of yesterday");
        const code = await runJob(job, {
            stack: { name: stack, values: { protect } as Pipeline["stack"]["values"] },
            reports,
            confirm,
            env: { GITHUB_STEP_SUMMARY: summary },
            run: async (verb, ...args) => {
                commands.push([verb, ...args].join(" "));
                if (refusal !== undefined) put(join(reports, "stopped.md"), refusal);
                const written = job === "up" && verb === "preview" ? after : report;
                if (written) {
                    const { text, changes = 0, notChecked, bucketNotChecked, ledger = [], stopped = false } = written;
                    put(join(reports, "report.md"), text);
                    const drift = {
                        changes: Array.from({ length: changes }, () => ({})),
                        notChecked,
                        bucketNotChecked,
                    };
                    const warnings = { ledger, others: [] };
                    put(join(reports, "report.json"), JSON.stringify({ drift, stopped, warnings }));
                }
                return codes[verb] ?? 0;
            },
            tests: async () => {
                commands.push("tests");
                return codes.tests ?? 0;
            },
            say: line => said.push(line),
        });
        result = { code, commands, summary: readFileSync(summary, "utf8"), said };
    });
    assert.ok(result);
    return result;
}

describe("a pipeline's job", () => {
    it("check looks at the migrations first, and at the tests when those are sound", async () => {
        assert.deepEqual((await done("check")).commands, ["check:sql", "tests"]);
        const { code, commands } = await done("check", { codes: { "check:sql": 1 } });
        assert.deepEqual([code, commands], [1, ["check:sql"]]);
        assert.equal((await done("check", { codes: { tests: 3 } })).code, 3);
    });

    it("preview publishes the report, also when a gate stopped it, and keeps the exit code", async () => {
        const calm = await done("preview", { report: { text: "all is well" } });
        assert.deepEqual(calm.commands, ["preview --non-interactive"]);
        assert.deepEqual([calm.code, calm.summary], [0, "## staging\n\nall is well\n"]);
        const stopped = await done("preview", { report: { text: "STOP" }, codes: { preview: 255 } });
        assert.deepEqual(
            [stopped.code, stopped.summary],
            [255, "## staging\n\nThe preview ended with an error.\n\nSTOP\n"],
        );
    });

    it("preview never publishes the report of another run", async () => {
        const { summary } = await done("preview", { codes: { preview: 255 } });
        assert.doesNotMatch(summary, /yesterday/);
        assert.match(summary, /There is no report: the log says why/);
    });

    it("publishes why a run was refused that came to no report, and the report where there is one", async () => {
        const refused = { codes: { preview: 255 }, refusal: "0003 was edited" };
        assert.match((await done("preview", refused)).summary, /ended with an error\.\n\n0003 was edited\n$/);
        const both = await done("preview", { ...refused, report: { text: "STOP" } });
        assert.doesNotMatch(both.summary, /edited/);
        const unseen = await done("drift", refused);
        assert.equal(unseen.code, 255);
        assert.match(unseen.summary, /nothing is known of drift\.\n\n0003 was edited\n$/);
    });

    it("up asks nobody, says whether all was applied, and writes the record for the next stack only then", async () => {
        const well = await done("up", { report: { text: "report" } });
        assert.deepEqual(well.commands, ["up --yes --non-interactive", "promotion"]);
        assert.match(well.summary, /\n\nApplied\.\n\nreport/);
        const badly = await done("up", { report: { text: "report" }, codes: { up: 255 } });
        assert.deepEqual([badly.code, badly.commands], [255, ["up --yes --non-interactive"]]);
        assert.match(badly.summary, /NOT all applied/);
    });

    const warned = { text: "report", ledger: ["it ends at 0025"] };

    it("up does not say that all was applied where the ledger is still behind the stack's state, which the engine believes", async () => {
        const behind = await done("up", { report: warned, after: { text: "after", ledger: ["it ends at 0026"] } });
        assert.deepEqual(
            [behind.code, behind.commands],
            [1, ["up --yes --non-interactive", "preview --non-interactive"]],
        );
        assert.match(
            behind.summary,
            /\n\nThe ledger is not as the stack's last full run left it: it ends at 0026\.\n\nreport\n$/,
        );
    });

    it("up says that it has put the ledger in order of which its own report warns", async () => {
        const mended = await done("up", { report: warned, after: { text: "after" } });
        assert.deepEqual(mended.commands, ["up --yes --non-interactive", "preview --non-interactive", "promotion"]);
        assert.deepEqual([mended.code, mended.said], [0, []]);
        assert.match(
            mended.summary,
            /\n\nApplied\. What the report says of the ledger was so before; it is in order now\.\n\nreport\n$/,
        );
    });

    it("up fails where the ledger could not be looked at again", async () => {
        const unseen = await done("up", { report: warned, codes: { preview: 255 } });
        assert.equal(unseen.code, 1);
        assert.deepEqual(unseen.commands, ["up --yes --non-interactive", "preview --non-interactive"]);
        assert.match(
            unseen.summary,
            /\n\nApplied, but whether that put the ledger in order is not known: .*\n\nreport\n$/,
        );
    });

    it("up that failed asks nobody of the ledger", async () => {
        const { code, commands } = await done("up", { report: warned, codes: { up: 255 } });
        assert.deepEqual([code, commands], [255, ["up --yes --non-interactive"]]);
    });

    it("drift fails where the ledger is not as the last full run left it", async () => {
        const { code, said } = await done("drift", { report: { text: "", ledger: ["it ends at 0025"] } });
        assert.deepEqual(
            [code, said],
            [1, ["The ledger is not as the stack's last full run left it: it ends at 0025."]],
        );
    });

    it("drift says where the bucket was not compared, and claims nothing of it", async () => {
        const { code, summary } = await done("drift", { report: { text: "", bucketNotChecked: "the bucket is not" } });
        assert.equal(code, 0);
        assert.match(summary, /\n\nNo drift of the catalog; the bucket is not\.\n/);
    });

    it("drift fails when the database changed, or when nobody could look, also where a preview only warns", async () => {
        assert.equal((await done("drift", { report: { text: "" } })).code, 0);
        const changed = await done("drift", { report: { text: "", changes: 2 } });
        assert.equal(changed.code, 1);
        assert.deepEqual(changed.said, ["The database is not as the last change left it: 2 differences."]);
        const unseen = await done("drift", { report: { text: "", notChecked: "this login may not" } });
        assert.deepEqual([unseen.code, unseen.said], [1, ["Drift was not checked: this login may not."]]);
        const bucket = await done("drift", { report: { text: "", notChecked: "this login may not", changes: 1 } });
        assert.deepEqual(bucket.said, [
            "Drift was not checked: this login may not. The database is not as the last change left it: 1 difference.",
        ]);
        assert.equal((await done("drift")).code, 1);
        assert.equal((await done("drift", { codes: { preview: 7 } })).code, 7);
        assert.equal((await done("drift", { report: { text: "" }, codes: { preview: 7 } })).code, 7);
    });

    it("drift has nothing to say of a gate that a pending migration closes", async () => {
        const stopped = { codes: { preview: 255 }, report: { text: "STOP", stopped: true } };
        assert.equal((await done("drift", stopped)).code, 0);
        const both = { ...stopped, report: { ...stopped.report, changes: 1 } };
        assert.equal((await done("drift", both)).code, 255);
    });

    it("destroy wants the stack's name once more, shows what it will do, and stops at the first fault", async () => {
        const destroyed = await done("destroy", { confirm: "staging" });
        assert.deepEqual(destroyed.commands, ["destroy --preview", "destroy --yes --non-interactive"]);
        await assert.rejects(done("destroy"), /nobody confirmed that/);
        await assert.rejects(done("destroy", { confirm: "stagin" }), /nobody confirmed that/);
        const stopped = await done("destroy", { confirm: "staging", codes: { destroy: 4 } });
        assert.deepEqual([stopped.code, stopped.commands], [4, ["destroy --preview"]]);
    });

    it("destroy leaves a protected stack alone, whatever was confirmed", async () => {
        const prod = { stack: "acme/simulation-db/prod", protect: true, confirm: "acme/simulation-db/prod" };
        await assert.rejects(done("destroy", prod), /is protected: no pipeline destroys it/);
    });
});

describe("npm run ci", () => {
    const ci = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
        spawnSync(process.execPath, [join(root, "toolchain/main.ts"), "ci", ...args], {
            cwd: root,
            env: { ...process.env, ...env },
            encoding: "utf8",
        });

    it("says which jobs there are, in words and without a stack trace", () => {
        const { status, stderr } = ci(["previw"]);
        assert.deepEqual(
            [status, stderr],
            [1, "There is no job previw (did you mean preview?): there are check, preview, up, drift, destroy.\n"],
        );
    });

    it("publishes what is wrong with a stack's file, as no report can follow", () =>
        inScratch(async folder => {
            const summary = put(join(folder, "summary.md"), "");
            const { status } = ci(["preview", "-s", "nowhere"], { GITHUB_STEP_SUMMARY: summary });
            assert.equal(status, 1);
            assert.match(
                readFileSync(summary, "utf8"),
                /^## nowhere\n\n```\nThere is no Pulumi\.nowhere\.yaml, so no stack of that name is configured\.\n/,
            );
        }));

    it("does not destroy what nobody named twice", () => {
        const { status, stderr } = ci(["destroy", "-s", "dev", "--confirm", "prod"]);
        assert.equal(status, 1);
        assert.match(
            stderr,
            /^Everything in the stack dev would be rolled back, and nobody confirmed that\.\n {2}→ npm run ci/,
        );
    });
});
