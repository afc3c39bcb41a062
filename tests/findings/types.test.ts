import assert from "node:assert/strict";
import { compare } from "../../preview/changes/comparison.ts";
import { namesOf } from "../../preview/findings/names.ts";
import type { Scene } from "../../preview/findings/scene.ts";
import { typeFindings } from "../../preview/findings/types.ts";

/** Types of extensions that the embedded PostgreSQL does not have. */
function words(before: string, after: string): string[] {
    const key = "column public.pages.place";
    const catalog = new Map([[key, before]]);
    const look = { catalog, tables: new Map() };
    const comparison = compare(catalog, new Map([[key, after]]));
    const scene = { acts: [], comparison, trial: { statements: [] }, look, names: namesOf(look) };
    return typeFindings(scene as unknown as Scene).map(({ words: text }) => text.replace(/ \(.*?\)$/, ""));
}

describe("a new type of a column", () => {
    it("loses digits from vector to halfvec, not the other way round", () => {
        assert.deepEqual(words("extensions.vector(3)", "extensions.halfvec(3)"), [
            "extensions.vector(3) becomes extensions.halfvec(3): values lose digits",
        ]);
        assert.deepEqual(words("extensions.halfvec(3)", "extensions.vector(3)"), []);
    });
});
