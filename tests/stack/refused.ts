import assert from "node:assert/strict";
import type { Outcome } from "../support/engine.ts";

/** Asserts that a run failed with all of these words, which are meant for a person. */
export function assertRefused({ code, output }: Outcome, ...words: readonly (string | RegExp)[]): void {
    assert.notEqual(code, 0, output);
    for (const word of words) {
        const found = typeof word === "string" ? output.includes(word) : word.test(output);
        assert.ok(found, `${word} in:\n${output}`);
    }
    assert.doesNotMatch(output, /^\s+at .*:\d+:\d+\)?$/m, "a person's mistake is told without a stack trace");
}
