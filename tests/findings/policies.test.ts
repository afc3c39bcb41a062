import assert from "node:assert/strict";
import { compare } from "../../preview/changes/comparison.ts";
import { policyFindings } from "../../preview/findings/insecure/policies.ts";

/** What is said of a new policy, as the catalog defines it. */
async function said(table: string, definition: string): Promise<string[]> {
    const comparison = compare(new Map(), new Map([[`policy mine on ${table}`, definition]]));
    const findings = await policyFindings({ comparison, exposed: new Set(["public", "api"]) });
    return findings.map(({ code, words }) => `${code}: ${words}`);
}

describe("what is said of a new policy", () => {
    it("is whether it opens every row or only what may be written into those that it reaches", async () => {
        const own = "using (owner_id = auth.uid())\nwith check true";
        assert.deepEqual(await said("public.runs", `permissive for w\nto authenticated\n${own}`), [
            "policy-open: lets authenticated write any values into the rows that it reaches: with check is always true",
        ]);
        assert.deepEqual(await said("public.runs", `permissive for *\nto authenticated\n${own}`), [
            "policy-open: lets authenticated insert any row and write any values into the rows that it reaches: with check is always true",
        ]);
        assert.deepEqual(
            await said("public.runs", "permissive for *\nto authenticated\nusing true\nwith check (a > 1)"),
            ["policy-open: lets authenticated do everything with every row: using is always true"],
        );
    });

    it("is a note for every role where the API shows the schema, and in storage", async () => {
        const definition = "permissive for r\nto public\nusing (owner_id = auth.uid())";
        const expected = ["policy-for-everybody: is for every role, anon included: its condition alone decides"];
        for (const table of ["public.runs", "api.runs", "storage.objects", "storage.buckets"])
            assert.deepEqual(await said(table, definition), expected, table);
        assert.deepEqual(await said("private.runs", definition), []);
    });
});
