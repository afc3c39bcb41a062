import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { parse } from "yaml";
import { readCatalog } from "../../runner/catalog/catalog.ts";
import { installedTools } from "../backup/installedTools.ts";
import { readPage } from "../docs/pages.ts";
import { assertPrinted } from "../docs/shown.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { writeMigration } from "../support/sqlFolder.ts";
import { startRun } from "../support/sqlProject.ts";

const root = dirname(dirname(import.meta.dirname));

const ups = {
    "0001_notes": "create table public.notes (id bigint primary key, text text);\n",
    "0002_tags": "alter table public.notes add column tags text[];\n",
    "0003_titles": "alter table public.notes add column title text;\n",
};

describe("npm run adopt", function () {
    this.timeout(600_000);

    for (const major of [15, 17] as const) {
        describe(`on PostgreSQL ${major}`, () => {
            let cluster: TestCluster;
            let client: pg.Client;
            let folder: string;
            before(async () => {
                cluster = await testCluster({ major });
                client = new pg.Client(cluster.connection);
                await client.connect();
                folder = await mkdtemp(join(tmpdir(), "simulation-db-adopt-"));
                for (const [name, up] of Object.entries(ups)) {
                    const texts = { up, down: "select 1;\n", verify: "select 1;\n" };
                    await writeMigration(join(folder, "sql"), name, texts);
                }
                // By hand, as in Studio; and something that is nobody's migration.
                await client.query(ups["0001_notes"] + ups["0002_tags"]);
                await client.query(
                    "insert into public.notes select n, 'x' from generate_series(1, 500) as n; analyze public.notes",
                );
                await client.query(
                    "create schema supabase_migrations; create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text); insert into supabase_migrations.schema_migrations values ('20250101000000', '{}', 'first')",
                );
            });
            after(async () => {
                await client.end();
                await cluster.stop();
                await rm(folder, { recursive: true, force: true });
            });

            async function adopt(name: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
                const { PATH, HOME } = process.env;
                const { stdout, stderr } = await promisify(execFile)(
                    process.execPath,
                    [join(root, "authoring/main.ts"), "adopt", name],
                    { cwd: folder, env: { PATH, HOME, ...cluster.environment, ...more } },
                );
                return stdout + stderr;
            }

            /** All of it, rows included; where this machine cannot dump that version, the catalog and the rows of our table. */
            async function dump(): Promise<string> {
                const tools = await installedTools(major);
                if (!tools) {
                    await client.query("begin");
                    const catalog = await readCatalog(client);
                    await client.query("rollback");
                    const { rows } = await client.query("table public.notes");
                    return JSON.stringify([...catalog, ...rows]);
                }
                const { user = "", password } = cluster.adminUrl();
                const { stdout } = await promisify(execFile)(tools.pgDump, ["--dbname", "postgres"], {
                    env: {
                        PATH: process.env.PATH,
                        ...cluster.environment,
                        PGUSER: user,
                        PGPASSWORD: String(password),
                    },
                    maxBuffer: 2 ** 28,
                });
                return stdout.replaceAll(/^\\(un)?restrict .*$/gm, "");
            }

            it("shows what is there, says what matches, writes the stack file, and changes nothing", async () => {
                const before = await dump();
                const output = await adopt("staging");
                assert.match(output, new RegExp(`^server +PostgreSQL ${major}\\.`, "m"));
                assert.match(output, /^ledger +none of this tool's$/m);
                assert.match(output, /^supabase +1 in supabase_migrations, 20250101000000/m);
                assert.match(output, /^public\.notes +about 500 rows/m);
                assert.match(
                    output,
                    /^matches: 0001_notes to 0002_tags would be taken over, with 0 statements run; 1 remain to be applied$/m,
                );
                const file = await readFile(join(folder, "Pulumi.staging.yaml"), "utf8");
                const { config } = parse(file) as { config: Record<string, unknown> };
                assert.equal(config["simulation-db:databaseHost"], "127.0.0.1");
                assert.ok(!file.includes(String(cluster.environment.PGPASSWORD)));
                assert.equal(await dump(), before);
                if (major === 15) assertPrinted(await shownInDocs(), output);
            });

            it("leaves a stack file alone that is there", async () => {
                await writeFile(join(folder, "Pulumi.other.yaml"), "config: {}\n");
                assert.match(await adopt("other"), /Pulumi\.other\.yaml is there already and stays as it is/);
                assert.equal(await readFile(join(folder, "Pulumi.other.yaml"), "utf8"), "config: {}\n");
            });

            it("puts the database where one that is there has placeholders, and leaves the rest", async () => {
                const given = `# Ours.\nconfig:\n  simulation-db:databaseHost: <HOST>\n  simulation-db:databaseSslMode: verify-full\n  simulation-db:drift: stop\n`;
                await writeFile(join(folder, "Pulumi.ours.yaml"), given);
                assert.match(await adopt("ours"), /^Pulumi\.ours\.yaml filled in: /m);
                const file = await readFile(join(folder, "Pulumi.ours.yaml"), "utf8");
                assert.match(file, /^# Ours\.\n/);
                const { config } = parse(file) as { config: Record<string, unknown> };
                assert.equal(config["simulation-db:databaseHost"], "127.0.0.1");
                assert.equal(config["simulation-db:databasePort"], Number(cluster.environment.PGPORT));
                // Said by a person: not weakened by what this shell happens to have.
                assert.equal(config["simulation-db:databaseSslMode"], "verify-full");
                assert.equal(config["simulation-db:drift"], "stop");
            });

            it("asks for no more of a server of this machine than the look at it did", async () => {
                await adopt("plain", { PGSSLMODE: "" });
                const { config } = parse(await readFile(join(folder, "Pulumi.plain.yaml"), "utf8"));
                assert.equal(config["simulation-db:databaseSslMode"], "disable");
            });

            it("names what differs", async () => {
                await client.query("alter table public.notes alter column text set not null");
                try {
                    const output = await adopt("staging");
                    assert.match(
                        output,
                        /^nothing matches\. Nearest is the state after 000\d_\w+, with \d differences:$/m,
                    );
                    assert.match(output, /different: column public\.notes\.text/);
                } finally {
                    await client.query("alter table public.notes alter column text drop not null");
                }
            });

            it("hands the runner what it takes over with", async () => {
                const stdin = await readFile(join(folder, ".local/adopt/staging.json"), "utf8");
                const { code, output } = await startRun(folder, "adopt", { stdin, env: cluster.environment }).outcome;
                assert.equal(code, 0, output);
                assert.match(output, /2 adopted/);
                assert.match(await adopt("staging"), /^ledger +2 migrations of this tool/m);
            });
        });
    }
});

/** What docs/authoring.md shows of `npm run adopt -- staging`. */
async function shownInDocs(): Promise<string[]> {
    const { text } = await readPage("docs/authoring.md");
    const [, block] = /npm run adopt -- staging\n```\n\n```console\n([\s\S]*?)```/.exec(text) ?? [];
    assert.ok(block);
    return block.trimEnd().split("\n");
}
