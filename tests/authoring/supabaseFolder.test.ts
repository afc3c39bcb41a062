import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { importedUp, slugOf } from "../../authoring/joining/importedText.ts";
import { readSupabaseFolder } from "../../authoring/joining/supabaseFolder.ts";
import { readDirectives } from "../../runner/migration/directives.ts";
import { summary } from "../../runner/migration/migration.ts";
import { UserError } from "../../runner/userError.ts";

const notes = "20250101000000_notes.sql";

describe("a folder of the Supabase CLI", function () {
    this.timeout(30_000);
    let around: string;
    let folder: string;
    beforeEach(async () => {
        around = join(await mkdtemp(join(tmpdir(), "simulation-db-supabase-")), "supabase");
        folder = join(around, "migrations");
        await mkdir(folder, { recursive: true });
    });
    afterEach(() => rm(dirname(around), { recursive: true, force: true }));

    const have = (name: string, text: string | Uint8Array) => writeFile(join(folder, name), text);

    it("is read in the order in which the CLI runs it, and what is no migration is left alone and named", async () => {
        await have("20250102000000_tags.sql", "select 2;\n");
        await have(notes, "select 1;\n");
        await have("README.md", "hello\n");
        await have("tags.sql", "select 3;\n");
        await writeFile(join(around, "config.toml"), "");
        await writeFile(join(around, "seed.sql"), "insert into x values (1);\n");
        for (const given of [folder, around]) {
            const read = await readSupabaseFolder(given);
            assert.deepEqual(
                read.files.map(({ version, title }) => [version, title]),
                [
                    ["20250101000000", "notes"],
                    ["20250102000000", "tags"],
                ],
            );
            assert.deepEqual(
                read.leftAlone.map(path => path.slice(around.length + 1)),
                ["config.toml", "seed.sql", "migrations/README.md", "migrations/tags.sql"],
            );
        }
    });

    for (const [what, text, written, said] of [
        ["a byte order mark", "\uFEFFselect 1;\n", "select 1;\n", /begins with a byte order mark, which is left out/],
        ["CRLF", "select 1;\r\nselect 2;\r\n", "select 1;\nselect 2;\n", /the line ends of Windows/],
        ["no line end at its end", "select 1;", "select 1;\n", undefined],
        [
            "begin and commit around all of it",
            "-- Notes.\nBEGIN;\ncreate table a (b text);\nselect 'commit';\ncommit ;\n",
            "-- Notes.\n/* BEGIN; */\ncreate table a (b text);\nselect 'commit';\n/* commit; */\n",
            /its own begin and commit: they are comments now/,
        ],
        [
            "the head that pg_dump writes",
            "BEGIN;\nSET statement_timeout = 0;\nSET lock_timeout = 0;\nSET client_encoding = 'UTF8';\nselect 1;\nCOMMIT;\n",
            "/* BEGIN; */\n/* SET statement_timeout = 0; */\n/* SET lock_timeout = 0; */\nSET client_encoding = 'UTF8';\nselect 1;\n/* COMMIT; */\n",
            /sets statement_timeout and lock_timeout: in a comment now, the runner has its own/,
        ],
        [
            "what takes the timeouts off again, as at the end of a dump of the Supabase CLI",
            "select 1;\nRESET lock_timeout;\nset statement_timeout to default;\nRESET ALL;\n",
            "select 1;\n/* RESET lock_timeout; */\n/* set statement_timeout to default; */\n/* RESET ALL; */\n",
            /notes\.sql:4: "RESET ALL" would take the runner's timeouts off: in a comment now, so what the file sets holds to its end/,
        ],
    ] as const) {
        it(`may hold a file with ${what}`, async () => {
            await have(notes, text);
            const read = await readSupabaseFolder(folder);
            assert.equal(read.files[0]?.text, written);
            if (said === undefined) assert.deepEqual(read.notes, []);
            else assert.match(read.notes.join("\n"), said);
        });
    }

    it("may hold an empty file: it is left out and named", async () => {
        await have(notes, "select 1;\n");
        await have("20250102000000_nothing.sql", "-- Later.\n");
        const read = await readSupabaseFolder(folder);
        assert.equal(read.files.length, 1);
        assert.match(read.notes.join("\n"), /20250102000000_nothing\.sql holds no statement: it did nothing/);
    });

    for (const [what, text, message] of [
        ["a command of psql", "select 1;\n\\set x 1\n", /notes\.sql:2: "\\set x 1" is a command of psql/],
        ["a commit in the middle", "select 1;\ncommit;\nselect 2;\n", /notes\.sql:2: "commit" in the middle/],
        ["a begin without an end", "begin;\nselect 1;\n", /notes\.sql:1: "begin" in the middle/],
        ["a syntax error", "select 1;\nselec 2;\n", /notes\.sql:2: syntax error at or near "selec"/],
        ["another encoding", Buffer.from([0x2d, 0x2d, 0xe4, 0x0a]), /notes\.sql is not UTF-8/],
        ["the runner's own mark", "select 1;\n-- file: up.sql\n", /holds a line "-- file: …"/],
        [
            "an index built concurrently beside other statements",
            "create table public.a (b text);\ncreate index concurrently i on public.a (b);\n",
            /notes\.sql:2: "concurrently" beside other statements/,
        ],
    ] as const) {
        it(`is refused for ${what}, by file and line`, async () => {
            await have(notes, text);
            await have("20250102000000_tags.sql", "selec 1;\n");
            await assert.rejects(readSupabaseFolder(folder), (error: Error) => {
                assert.ok(error instanceof UserError);
                assert.match(error.message, message);
                assert.match(error.message, /tags\.sql:1: syntax error/, "all faults at once");
                return true;
            });
        });
    }

    it("is refused when a version stands twice, when it holds nothing, and when it is not there", async () => {
        await assert.rejects(readSupabaseFolder(folder), /holds no migration/);
        await have(notes, "select 1;\n");
        await have("20250101000000_tags.sql", "select 1;\n");
        await assert.rejects(readSupabaseFolder(folder), /has the version 20250101000000 twice, 20250101000000_notes/);
        await assert.rejects(readSupabaseFolder(join(folder, "none")), /there is no folder .*none to import/);
    });

    it("gives a text whose comments are no directives of ours, and whose head is", async () => {
        await have("20250101000000_add-dataset Tags.sql", "-- author: bob\n-- transaction: none\nselect 1;\n");
        const { files } = await readSupabaseFolder(folder);
        const [file] = files;
        assert.ok(file);
        const up = importedUp(file, { irreversible: "why", allowed: { destructive: "it has run" } });
        assert.deepEqual(readDirectives(up, "up.sql"), {
            transactional: true,
            irreversible: "why",
            imported: "20250101000000_add-dataset Tags.sql",
            allowed: { destructive: "it has run" },
        });
        assert.ok(up.endsWith(file.text));
        const migration = { version: "0001", slug: slugOf(file, new Set()), up, down: "", verify: "" };
        assert.equal(summary(migration), "Add dataset Tags, as it was imported from the Supabase CLI.");
        assert.equal(migration.slug, "add_dataset_tags");
        assert.equal(slugOf(file, new Set(["add_dataset_tags"])), "add_dataset_tags_20250101000000");
    });
});
