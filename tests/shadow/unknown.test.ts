import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TargetExtensionFile } from "../../preview/look/extensions.ts";
import type { Look } from "../../preview/look/look.ts";
import { standIns } from "../../preview/shadow/extensions.ts";
import { cacheKey } from "../../preview/trial/cache.ts";
import { failureOf } from "../../preview/trial/failure.ts";

const none = { standIns: [], names: new Set<string>(), unknownContent: false };
const place = { file: "sql/0001_change/up.sql", line: 1, statement: "select 1" };

/** That the target has, or could have. */
const extension = (name: string, installed = false): TargetExtensionFile => ({
    name,
    version: "1.0",
    installed,
    superuser: true,
    trusted: false,
    definitions: [],
    names: [],
});

describe("an extension that the target could have, and no shadow has", function () {
    this.timeout(60_000);
    const available = [extension("http"), extension("vector"), extension("rum")];

    async function standInsFor(texts: readonly string[], extensions = available) {
        const folder = await mkdtemp(join(tmpdir(), "simulation-db-stand-ins-"));
        try {
            const { gaps } = await standIns(folder, 17, extensions, texts);
            return { names: gaps.standIns, unknown: gaps.unknownContent };
        } finally {
            await rm(folder, { recursive: true, force: true });
        }
    }

    it("is not called for by a comment, a text or a longer word that has its name", async () => {
        const texts = [
            "-- See https://example.org/forum: create extension http\ncreate table public.docs (words tsvector);",
            "comment on table public.docs is 'create extension vector';",
            "this cannot be parsed: create extension rum;;;(",
        ];
        assert.deepEqual(await standInsFor(texts), { names: [], unknown: false });
    });

    for (const [what, text] of [
        ["a statement", 'create extension if not exists "vector" with schema extensions;'],
        ["a DO block", "do $$ begin create extension if not exists vector; end $$;"],
        ["a text that a DO block runs", "do $$ begin execute 'CREATE EXTENSION \"vector\"'; end $$;"],
    ] as const) {
        it(`is called for by ${what}, and nobody knows what is in it`, async () => {
            assert.deepEqual(await standInsFor([text]), { names: ["vector"], unknown: true });
        });
    }

    it("is stood in for without being called for where the target has it", async () => {
        const extensions = [extension("vector", true), extension("http")];
        assert.deepEqual(await standInsFor(["select 1;"], extensions), { names: ["vector"], unknown: false });
    });
});

describe("what the server program of a shadow was built without", () => {
    const causeOf = (code: string, message: string, detail?: string) =>
        failureOf(Object.assign(new Error(message), { code, detail }), place, none).cause;

    for (const [message, detail] of [
        [
            "compression method lz4 not supported",
            "This functionality requires the server to be built with lz4 support.",
        ],
        ["unsupported XML feature", "This functionality requires the server to be built with libxml support."],
        ["ICU is not supported in this build", undefined],
    ] as const) {
        it(`is no fault of a migration: ${message}`, () => {
            assert.equal(causeOf("0A000", message, detail), "shadow");
        });
    }

    it("is told from what no server can do", () => {
        assert.equal(causeOf("0A000", "cannot alter type of a column used by a view or rule"), "migration");
        assert.equal(causeOf("42704", "requires the server to be built with it"), "migration");
    });
});

describe("the name of a kept result", () => {
    const table = { kind: "table", bytes: 0, heapBytes: 0 } as const;
    const look: Partial<Look> = { catalogHash: "", serverVersion: "", runsAs: "postgres", ledgerRows: [] };
    const keyOf = (more: Partial<Look>) =>
        cacheKey({ ...look, tables: new Map(), ...more } as Look, { pending: [], toRollBack: [], other: [] });
    const sized = (a: number, b: number) =>
        keyOf({
            tables: new Map([
                ["public.a", { ...table, rows: a }],
                ["public.b", { ...table, rows: b }],
            ]),
        });

    it("is another one when a table has rows that had none, and the same while there are only more", async () => {
        assert.notEqual(await sized(0, 1), await sized(1, 1));
        assert.notEqual(await sized(0, 1), await sized(1, 0));
        assert.equal(await sized(0, 1), await sized(0, 1000));
    });

    it("is another one when a materialized view was filled", async () => {
        assert.notEqual(await keyOf({ populated: ["public.totals"] }), await keyOf({ populated: [] }));
    });
});
