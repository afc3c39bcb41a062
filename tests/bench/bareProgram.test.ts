import assert from "node:assert/strict";
import { bareProgram } from "../../bench/support/bareProgram.ts";
import { timed } from "../../bench/support/timed.ts";

describe("a bare program", function () {
    this.timeout(240_000);

    it("declares as many resources as it is told to, each after the one before it, and nothing that changes by itself", async () => {
        const bare = await bareProgram({ count: 2, stdinBytes: 10 });
        try {
            const ms = await timed(() => bare.project.must("up", "--yes", "--skip-preview"));
            assert.ok(ms > 0);
            await bare.project.must("preview", "--expect-no-changes");
            await bare.declare({ count: 3, stdinBytes: 10 });
            const { changeSummary } = await bare.project.previewJson();
            assert.deepEqual(changeSummary, { create: 1, same: 3 });
            const { deployment } = JSON.parse((await bare.project.must("stack", "export")).stdout) as {
                deployment: { resources: { inputs?: { stdin?: string }; dependencies?: string[] }[] };
            };
            const [first, second] = deployment.resources.filter(({ inputs }) => inputs?.stdin);
            assert.equal(first?.inputs?.stdin?.length, 10);
            assert.equal(second?.dependencies?.length, 1);
        } finally {
            await bare.remove();
        }
    });
});
