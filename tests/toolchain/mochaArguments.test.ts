import assert from "node:assert/strict";
import { mochaArguments } from "../support/mochaArguments.ts";

/** What mocha is given beside our defaults. */
function given(...words: string[]): string[] {
    const all = mochaArguments([...words, "--reporter=dot", "--timeout=1", "--no-parallel"], "totals.json");
    return all.slice(1).filter(word => !["--reporter=dot", "--timeout=1", "--no-parallel"].includes(word));
}

describe("the arguments of npm test", () => {
    it("take a folder for its tests and a file for itself, and nothing for all tests", () => {
        assert.deepEqual(given("tests/sql"), ["tests/sql/**/*.test.ts"]);
        assert.deepEqual(given("tests/docs/fake.test.ts"), ["tests/docs/fake.test.ts"]);
        assert.deepEqual(given(), ["tests/**/*.test.ts"]);
    });

    it("name no folder that is not there, instead of running all tests", () => {
        assert.throws(() => given("tests/nowhere"), /^UserError: there is no tests\/nowhere\.$/);
        assert.deepEqual(given("--grep", "tests/nowhere"), ["--grep", "tests/nowhere", "tests/**/*.test.ts"]);
    });

    it("take what follows --grep for a text, also where a folder has that name", () => {
        for (const option of ["--grep", "-g", "--fgrep", "-f"]) {
            assert.deepEqual(given(option, "sql"), [option, "sql", "tests/**/*.test.ts"]);
            assert.deepEqual(given(option, "sql", "tests/sql"), [option, "sql", "tests/sql/**/*.test.ts"]);
        }
        assert.deepEqual(given("--grep=sql"), ["--grep=sql", "tests/**/*.test.ts"]);
    });
});
