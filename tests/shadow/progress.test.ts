import assert from "node:assert/strict";
import { mock } from "node:test";
import { Progress } from "../../preview/trial/progress.ts";

describe("the words of a preview that takes its time", () => {
    let said: string[];
    let progress: Progress;
    beforeEach(() => {
        mock.timers.enable({ apis: ["setTimeout"] });
        said = [];
        progress = new Progress(line => said.push(line));
    });
    afterEach(() => mock.timers.reset());

    it("come after a second, and not for what has ended by then", () => {
        progress.enter("looking at target");
        mock.timers.tick(500);
        progress.enter("starting shadow");
        assert.deepEqual(said, []);
        mock.timers.tick(1000);
        assert.deepEqual(said, ["starting shadow …"]);
        progress.enter("copying catalog");
        progress.end();
        mock.timers.tick(10_000);
        assert.deepEqual(said, ["starting shadow …"]);
    });

    it("tell how long each phase took, also of those that nobody had to wait for", () => {
        const took: string[] = [];
        const measured = new Progress(
            () => {},
            (phase, ms) => took.push(`${phase} ${ms >= 0}`),
        );
        measured.enter("looking at target");
        measured.enter("starting shadow");
        measured.end();
        measured.end();
        assert.deepEqual(took, ["looking at target true", "starting shadow true"]);
    });
});
