import assert from "node:assert/strict";
import { readActs } from "../../preview/findings/act.ts";
import { bucketFindings } from "../../preview/findings/insecure/buckets.ts";
import type { StatementObservation } from "../../preview/trial/observation.ts";

const catalog = new Map([["column order of storage.buckets", "id, name, public"]]);

/** What is said of a statement, and of what ran inside of it. */
async function words(statement: string, inner: readonly string[] = []): Promise<string[]> {
    const place = { file: "up.sql", line: 1, statement };
    const acts = await readActs([{ place, inner } as unknown as StatementObservation]);
    return bucketFindings({ acts, look: { catalog } }).map(({ words: text }) => text.replace(/:.*/, ""));
}

describe("what is said of buckets", () => {
    it("is that one is made public, where the statement says so", async () => {
        for (const statement of [
            "update storage.buckets set public = true",
            "insert into storage.buckets values ('a', 'a', false), ('b', 'b', true)",
            "insert into storage.buckets (public, id) select false, 'a' union all select true, 'b'",
        ])
            assert.deepEqual(await words(statement), ["is made public"], statement);
    });

    it("is that it may be, where a query or the server's $1 stands in place of a value", async () => {
        for (const statement of [
            "insert into storage.buckets (id, name, public) select id, name, open from private.wanted",
            "insert into storage.buckets select * from private.wanted",
            "update storage.buckets set public = not public",
        ])
            assert.deepEqual(await words(statement), ["may be made public"], statement);
        const inner = "insert into storage.buckets (id, name, public) values ($1, $2, $3)";
        assert.deepEqual(await words("do $$ begin end $$", [inner]), ["may be made public"]);
    });

    it("is nothing, where it stays closed", async () => {
        for (const statement of [
            "insert into storage.buckets values ('a', 'a', false) on conflict (id) do update set public = excluded.public",
            "insert into storage.buckets (id, name) select * from private.wanted",
            "insert into storage.buckets values ('a', 'a')",
        ])
            assert.deepEqual(await words(statement), [], statement);
    });
});
