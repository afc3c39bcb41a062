import assert from "node:assert/strict";
import { readPage } from "../docs/pages.ts";
import { canCertify } from "../support/certificate.ts";
import { hasPostgresClient } from "../support/postgresClient.ts";
import { beginTelling, type Telling } from "./telling.ts";
import { type Chapter, firstDifference, readChapters } from "./transcript.ts";

const page = await readPage("docs/story.md");

describe("docs/story.md, typed command by command", function () {
    this.timeout(400_000);
    let telling: Telling;

    before(async function () {
        if (!(await canCertify()) || !hasPostgresClient()) this.skip();
        telling = await beginTelling();
    });
    after(() => telling?.end());
    // A story goes on only where it has come to.
    let broken = false;
    beforeEach(function () {
        if (broken) this.skip();
    });
    afterEach(function () {
        broken ||= this.currentTest?.state === "failed";
    });

    for (const { heading, steps } of readChapters(page.text).filter(({ steps }) => steps.length > 0)) {
        it(heading, () => follow(steps));
    }

    async function follow(steps: Chapter["steps"]): Promise<void> {
        for (const step of steps) {
            const printed = await telling.take(step);
            if (step.kind === "file" || !printed) continue;
            const words = `$ ${step.command}\n${printed.output}\n(exit code ${printed.code})`;
            const missing = firstDifference(step.lines, printed.output, telling.home);
            assert.equal(missing, undefined, `the page says\n${missing}\nand this was printed:\n${words}`);
            assert.equal(printed.code, step.code, words);
        }
    }
});
