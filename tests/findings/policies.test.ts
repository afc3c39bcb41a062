import assert from "node:assert/strict";
import { compare } from "../../preview/changes/comparison.ts";
import { policyFindings } from "../../preview/findings/insecure/policies.ts";

/** What is said of a new policy, as the catalog defines it. */
async function said(table: string, definition: string, before?: string): Promise<string[]> {
    const catalog = (policy?: string) => new Map(policy === undefined ? [] : [[`policy mine on ${table}`, policy]]);
    const comparison = compare(catalog(before), catalog(definition));
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
        assert.deepEqual(await said("public.runs", "permissive for *\nto authenticated\nwith check true"), [
            "policy-open: lets authenticated insert any row and write any values into rows that other policies reach: with check is always true",
        ]);
        assert.deepEqual(await said("public.runs", "permissive for a\nto authenticated\nwith check true"), [
            "policy-open: lets authenticated insert every row: with check is always true",
        ]);
    });

    it("is nothing of one that is for authenticated alone from now on, and opens what it did not for them before", async () => {
        const signedIn = "using (auth.uid() IS NOT NULL)";
        const was = `permissive for r\nto public\n${signedIn}`;
        assert.deepEqual(await said("public.runs", `permissive for r\nto authenticated\n${signedIn}`, was), []);
        const [opened] = await said("public.runs", "permissive for r\nto public\nusing true", was);
        assert.match(opened ?? "", /^policy-widened: .*using is always true now/);
    });

    it("stops one for every role on files where it looks at the file alone", async () => {
        const on = async (clauses: string) =>
            (await said("storage.objects", clauses)).map(words => words.split(":")[0]);
        const bucket = "(bucket_id = 'team'::text)";
        assert.deepEqual(await on(`permissive for r\nto public\nusing ${bucket}`), ["policy-for-anon"]);
        assert.deepEqual(
            await on(
                `permissive for *\nto public\nusing (${bucket} AND (lower((storage.foldername(name))[1]) = 'a'::text))\nwith check (auth.uid() IS NOT NULL)`,
            ),
            ["policy-for-anon"],
        );
        for (const asked of [
            `(${bucket} AND public.is_member(((storage.foldername(name))[1])::uuid))`,
            `(${bucket} AND (EXISTS ( SELECT 1 FROM private.my_teams)))`,
            "(current_setting('request.jwt.claims'::text) <> ''::text)",
            "(owner = CURRENT_USER)",
            "false",
        ]) {
            assert.deepEqual(await on(`permissive for r\nto public\nusing ${asked}`), ["policy-for-everybody"], asked);
        }
    });

    it("is a note for every role where the API shows the schema, and in storage", async () => {
        const definition = "permissive for r\nto public\nusing (owner_id = auth.uid())";
        const expected = ["policy-for-everybody: is for every role, anon included: its condition alone decides"];
        for (const table of ["public.runs", "api.runs", "storage.objects", "storage.buckets"])
            assert.deepEqual(await said(table, definition), expected, table);
        assert.deepEqual(await said("private.runs", definition), []);
    });
});
