import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { breachesOf } from "../../authoring/conventions/conventions.ts";
import { readDirectives } from "../../runner/migration/directives.ts";
import { readMigrations } from "../../runner/migration/migrationFolder.ts";
import { cutStatements } from "../../runner/migration/statementTexts.ts";
import { fences, readPage } from "../docs/pages.ts";
import { assertPrinted } from "../docs/shown.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { writeSqlFolder } from "../support/sqlFolder.ts";
import { startRun } from "../support/sqlProject.ts";

const root = dirname(dirname(import.meta.dirname));

/** As people write them for the Supabase CLI: nothing of it keeps to this project's conventions. */
const files = {
    "20250101000000_create-notes.sql":
        "-- author: bob\nBEGIN;\nCREATE TABLE IF NOT EXISTS notes (id bigint PRIMARY KEY, text text, old text);\nCOMMIT;\n",
    "20250102000000_add_tags.sql":
        "\uFEFFALTER TABLE notes ADD COLUMN tags text[], ADD COLUMN draft boolean;\r\nINSERT INTO notes (id, text) VALUES (1, 'first');\r\n",
    "20250103000000_remote_schema.sql":
        "alter table public.notes drop column if exists old cascade, drop column draft;\n",
    "20250104000000_remote_schema.sql": "create index concurrently notes_tags on public.notes (tags);\n",
    "20250105000000_nothing.sql": "\n",
} as const;

describe("npm run adopt -- NAME --import FOLDER", function () {
    this.timeout(600_000);

    for (const major of [15, 17] as const) {
        describe(`on PostgreSQL ${major}`, () => {
            let cluster: TestCluster;
            let client: pg.Client;
            let folder: string;
            let catalog: string[];
            before(async () => {
                cluster = await testCluster({ major });
                client = new pg.Client(cluster.connection);
                await client.connect();
                folder = await mkdtemp(join(tmpdir(), "simulation-db-import-"));
                await writeSqlFolder(join(folder, "sql"), {
                    "0001_titles": {
                        up: "-- Titles for notes.\nalter table public.notes add column title text;\n",
                        down: "-- Titles for notes.\nalter table public.notes drop column title;\n",
                        verify: "-- Titles for notes.\nselect 1;\n",
                    },
                });
                await mkdir(join(folder, "supabase/migrations"), { recursive: true });
                await writeFile(join(folder, "supabase/config.toml"), "");
                await writeFile(join(folder, "supabase/seed.sql"), "insert into notes (id) values (2);\n");
                for (const [name, text] of Object.entries(files)) {
                    await writeFile(join(folder, "supabase/migrations", name), text);
                }
                await runAsSupabaseCli(client, files);
                catalog = await catalogOf(client);
            });
            after(async () => {
                await client?.end();
                await cluster?.stop();
                await rm(folder, { recursive: true, force: true });
            });

            const author = (...args: string[]) => authorIn(folder, cluster, ...args);
            const importNow = () => author("adopt", "staging", "--import", "supabase/migrations");

            it("makes migrations of the files, says what became of each, and changes nothing there", async () => {
                const { code, output } = await importNow();
                assert.equal(code, 0, output);
                assert.match(output, /^left alone +supabase\/config\.toml, supabase\/seed\.sql$/m);
                assert.match(
                    output,
                    /^sql\/0001_create_notes from 20250101000000_create-notes\.sql, has run there; down proposed; opens the gate for what is insecure$/m,
                );
                assert.match(output, /nothing\.sql holds no statement/);
                assert.match(output, /create-notes\.sql has its own begin and commit/);
                assert.match(output, /add_tags\.sql begins with a byte order mark/);
                assert.match(output, /add_tags\.sql has the line ends of Windows/);
                assert.doesNotMatch(output, /other statements than the ledger/);
                assert.match(output, /^sql\/0001_titles now come after, as 0005 to 0005: they have not run there/m);
                assert.match(
                    output,
                    /^matches: 0001_create_notes to 0004_remote_schema_20250104000000 would be taken over, with 0 statements run; 1 remain to be applied$/m,
                );
                assert.deepEqual(await catalogOf(client), catalog);
                assert.deepEqual((await readdir(join(folder, "sql"))).sort(), [
                    "0001_create_notes",
                    "0002_add_tags",
                    "0003_remote_schema",
                    "0004_remote_schema_20250104000000",
                    "0005_titles",
                    "preconditions.sql",
                ]);
            });

            it("keeps what ran as it is, under a directive that keeps the conventions quiet about it", async () => {
                const migrations = (await readMigrations(join(folder, "sql"))).slice(0, 4);
                assert.match(migrations[0]?.up ?? "", /^CREATE TABLE IF NOT EXISTS notes/m);
                assert.deepEqual(
                    migrations.map(({ up }) => readDirectives(up, "up.sql").imported),
                    Object.keys(files).slice(0, 4),
                );
                assert.deepEqual(
                    migrations.map(({ up }) => readDirectives(up, "up.sql").transactional),
                    [true, true, true, false],
                );
                for (const migration of migrations) {
                    const breaches = await breachesOf(migration, () => true);
                    assert.deepEqual(
                        breaches.map(({ part, code }) => `${part} ${code}`),
                        ["down no-sentence", "verify no-sentence"],
                        "what is proposed is unread",
                    );
                }
                assert.match(migrations[1]?.down ?? "", /Rows are not taken back: up writes some \(line 2 /);
            });

            it("has nothing to import a second time", async () => {
                const { code, output } = await importNow();
                assert.equal(code, 0, output);
                assert.match(output, /^import +4 files of supabase\/migrations, 4 of them in sql\/ already$/m);
                assert.match(output, /^matches: 0001_create_notes to 0004_/m);
                assert.equal((await readdir(join(folder, "sql"))).length, 6);
            });

            it("is stopped by check:sql until a person has read what was proposed", async () => {
                const check = () => author("check:sql", "0001", "0002", "0003", "0004");
                const unread = await check();
                assert.equal(unread.code, 1, unread.output);
                assert.match(unread.output, /sql\/0003_remote_schema\/down\.sql:\d: .*\[no-sentence\]/s);
                assert.match(unread.output, /nobody has read it/);
                for (const migration of await readMigrations(join(folder, "sql"))) {
                    for (const part of ["down", "verify"] as const) {
                        const file = join(folder, "sql", `${migration.version}_${migration.slug}`, `${part}.sql`);
                        await writeFile(file, migration[part].replace(/^-- Here: .*$/m, "-- I have read this file."));
                    }
                }
                const read = await check();
                assert.equal(read.code, 0, read.output);
                assert.doesNotMatch(read.output, /nobody has read it/);
            });

            it("is taken over by the runner without a statement of it, and is no longer foreign then", async () => {
                const stdin = await readFile(join(folder, ".local/adopt/staging.json"), "utf8");
                const { code, output } = await startRun(folder, "adopt", { stdin, env: cluster.environment }).outcome;
                assert.equal(code, 0, output);
                assert.match(output, /4 adopted/);
                assert.deepEqual(await catalogOf(client), catalog);
                const { rows } = await client.query("select id, text from notes");
                assert.deepEqual(rows, [{ id: "1", text: "first" }]);
                const status = await startRun(folder, "status", { env: cluster.environment }).outcome;
                assert.match(status.output, /4 applied, 1 pending, 0 to roll back/);
                assert.deepEqual(
                    status.output.split("\n").filter(line => line.startsWith("foreign")),
                    [
                        "foreign     20250105000000_nothing               applied by another tool; never run, never removed",
                    ],
                    "what has no statement is no migration of this project",
                );
            });

            it("goes on with what is pending there", async () => {
                const { code, output } = await startRun(folder, "migrate up", { env: cluster.environment }).outcome;
                assert.equal(code, 0, output);
                assert.match(output, /0005_titles applied/);
            });

            it("goes up on a fresh database, and all the way back", async () => {
                const fresh = await testCluster({ major });
                try {
                    const session = new pg.Client(fresh.connection);
                    await session.connect();
                    const before = await catalogOf(session);
                    const up = await startRun(folder, "migrate up", { env: fresh.environment }).outcome;
                    assert.equal(up.code, 0, up.output);
                    assert.match(up.output, /5 applied/);
                    // Those before as well: what a later one takes away they do not ask for.
                    for (const { verify } of await readMigrations(join(folder, "sql"))) await session.query(verify);
                    const down = await startRun(folder, "migrate down --to 0000", { env: fresh.environment }).outcome;
                    assert.equal(down.code, 0, down.output);
                    assert.deepEqual(await catalogOf(session), before);
                    await session.end();
                } finally {
                    await fresh.stop();
                }
            });
        });
    }

    it("declares what it cannot take back, and goes on with the rest", async () => {
        const cluster = await testCluster({ major: 17 });
        const folder = await mkdtemp(join(tmpdir(), "simulation-db-import-"));
        try {
            await mkdir(join(folder, "sql"));
            const texts = {
                // What an embedded PostgreSQL has as a stand-in for a project's own.
                "1_organizations.sql": "create table organizations (id bigint primary key);\n",
                "2_studio.sql": "-- Once more.\nalter table public.made_in_studio add column x integer;\n",
                "3_names.sql": "alter table organizations add column name text;\n",
            };
            for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
            const { code, output } = await authorIn(folder, cluster, "adopt", "staging", "--import", ".");
            assert.equal(code, 0, output);
            assert.match(output, /^sql\/0001_organizations from 1_organizations\.sql, .*; down proposed/m);
            assert.match(
                output,
                /^sql\/0002_studio from .*; no down: imported, and an embedded PostgreSQL refuses it: relation "public\.made_in_studio" does not exist$/m,
            );
            assert.match(output, /^sql\/0003_names from .*; down proposed$/m);
            const [, studio, names] = await readMigrations(join(folder, "sql"));
            assert.match(readDirectives(studio?.up ?? "", "up.sql").irreversible ?? "", /^imported, and an embedded/);
            assert.match(studio?.down ?? "", /^-- Here: Nothing is undone/);
            assert.match(names?.down ?? "", /drop column name/);
            await writeFile(join(folder, "4_more.sql"), "alter table organizations add column more text;\n");
            const second = await authorIn(folder, cluster, "adopt", "staging", "--import", ".");
            assert.equal(second.code, 0, second.output);
            assert.match(second.output, /^sql\/0004_more from .*; down proposed$/m);
        } finally {
            await cluster.stop();
            await rm(folder, { recursive: true, force: true });
        }
    });

    it("puts what ran since behind what was imported before, also while nothing of that is taken over", async () => {
        const cluster = await testCluster({ major: 17 });
        const folder = await mkdtemp(join(tmpdir(), "simulation-db-import-"));
        const client = new pg.Client(cluster.connection);
        try {
            await client.connect();
            await mkdir(join(folder, "sql"));
            const run = async (name: string, text: string) => {
                await writeFile(join(folder, name), text);
                await runAsSupabaseCli(client, { [name]: text });
                const { code, output } = await authorIn(folder, cluster, "adopt", "staging", "--import", ".");
                assert.equal(code, 0, output);
                return output;
            };
            await run("1_notes.sql", "create table notes (id bigint primary key);\n");
            const output = await run("2_texts.sql", "alter table notes add column text text;\n");
            assert.match(output, /^sql\/0002_texts from .*; down proposed/m);
            assert.match(output, /^matches: 0001_notes to 0002_texts would be taken over/m);
            assert.deepEqual((await readdir(join(folder, "sql"))).sort(), ["0001_notes", "0002_texts"]);
        } finally {
            await client.end();
            await cluster.stop();
            await rm(folder, { recursive: true, force: true });
        }
    });

    it("leaves a verify out that fails, and opens the gates and proves down as without it", async () => {
        const cluster = await testCluster({ major: 17 });
        const folder = await mkdtemp(join(tmpdir(), "simulation-db-import-"));
        try {
            await mkdir(join(folder, "sql"));
            // Of a name with a parenthesis no claim is right.
            const odd = `create function "sum (net)"() returns integer language sql set search_path = '' return 1;\n`;
            await writeFile(join(folder, "1_open.sql"), `create table opened (id bigint primary key);\n${odd}`);
            const { code, output } = await authorIn(folder, cluster, "adopt", "staging", "--import", ".");
            assert.equal(code, 0, output);
            assert.match(output, /^sql\/0001_open from .*; down proposed; opens the gate for what is insecure$/m);
            const [migration] = await readMigrations(join(folder, "sql"));
            assert.match(migration?.verify ?? "", /^-- Here: Looks at nothing/);
            assert.match(migration?.up ?? "", /^-- allow-insecure: .*public\.opened/m);
            const check = await authorIn(folder, cluster, "check:sql", "0001");
            assert.doesNotMatch(check.output, /STOP /, "but for the sentences that a person has to write");
        } finally {
            await cluster.stop();
            await rm(folder, { recursive: true, force: true });
        }
    });

    it("writes nothing when a file cannot be imported as it is", async () => {
        const cluster = await testCluster({ major: 17 });
        const folder = await mkdtemp(join(tmpdir(), "simulation-db-import-"));
        try {
            await mkdir(join(folder, "sql"));
            await mkdir(join(folder, "supabase/migrations"), { recursive: true });
            for (const [name, text] of Object.entries({
                "20250101000000_a.sql": "create table notes (id bigint);\n",
                "20250101000000_b.sql": "create table tags (id bigint);\n",
                "20250102000000_c.sql": "-- x\n\n\\set x 1\n",
                "20250103000000_d.sql": "create table a (b int);\n\n\n\n\n\ncommit;\ncreate table c (d int);\n",
            })) {
                await writeFile(join(folder, "supabase/migrations", name), text);
            }
            const args = ["adopt", "staging", "--import", "supabase/migrations"];
            const { code, output } = await authorIn(folder, cluster, ...args);
            assert.equal(code, 1, output);
            const shown = fences(await readPage("docs/authoring.md"), "text").find(block =>
                block.startsWith("nothing is imported:"),
            );
            assert.ok(shown);
            assertPrinted(shown.trimEnd().split("\n"), output);
            assert.deepEqual((await readdir(folder)).sort(), ["sql", "supabase"]);
            assert.deepEqual(await readdir(join(folder, "sql")), []);
        } finally {
            await cluster.stop();
            await rm(folder, { recursive: true, force: true });
        }
    });
});

function authorIn(folder: string, { environment }: TestCluster, ...args: string[]) {
    const { PATH, HOME } = process.env;
    const run = promisify(execFile)(process.execPath, [join(root, "authoring/main.ts"), ...args], {
        cwd: folder,
        env: { PATH, HOME, ...environment },
    });
    return run.then(
        ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
        (error: { code: number; stdout: string; stderr: string }) => ({
            code: error.code,
            output: error.stdout + error.stderr,
        }),
    );
}

/** As `supabase db push` leaves a database behind: supabase/cli, pkg/migration. */
async function runAsSupabaseCli(client: pg.Client, texts: Readonly<Record<string, string>>): Promise<void> {
    await client.query(
        `create schema if not exists supabase_migrations;
         create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
         alter table supabase_migrations.schema_migrations add column if not exists statements text[];
         alter table supabase_migrations.schema_migrations add column if not exists name text`,
    );
    for (const [name, text] of Object.entries(texts)) {
        const statements = cutStatements(text.replace("\uFEFF", ""));
        for (const statement of statements) await client.query(statement);
        const [, version, title] = /^(\d+)_(.*)\.sql$/.exec(name) ?? [];
        await client.query("insert into supabase_migrations.schema_migrations values ($1, $2, $3)", [
            version,
            statements,
            title,
        ]);
    }
}

/** What is there, but for the tool's own schemas and the ledger of the other. */
async function catalogOf(client: pg.Client): Promise<string[]> {
    const { rows } = await client.query<{ line: string }>(
        `select concat_ws(' ', n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relacl, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
                a.attisdropped, a.attnotnull) as line
         from pg_class as c join pg_namespace as n on n.oid = c.relnamespace left join pg_attribute as a on a.attrelid = c.oid
         where n.nspname = 'public' and not coalesce(a.attisdropped, false)
         order by 1`,
    );
    return rows.map(({ line }) => line);
}
