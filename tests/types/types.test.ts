import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import ts from "typescript";
import { root } from "../docs/pages.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { ownEnvironment } from "../support/engine.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

/** What a front end writes; `// wrong` marks the lines that the compiler must refuse, and no other. */
const program = `
import { createClient } from "@supabase/supabase-js";
import type { Database } from "./database.types.js";

const supabase = createClient<Database>("http://127.0.0.1", "key");
type Dataset = Database["public"]["Tables"]["datasets"]["Row"];

export async function upload(owner: string): Promise<Dataset["id"] | undefined> {
    const { data } = await supabase
        .from("datasets")
        .insert({ owner_id: owner, name: "prices", file_path: owner + "/prices.csv", file_type: "csv" })
        .select("id, row_count")
        .single();
    const rows: number | null | undefined = data?.row_count;
    return rows === null ? undefined : data?.id;
}

export async function runs(dataset: string): Promise<(string | undefined)[]> {
    const { data } = await supabase.from("simulation_runs").select("status, datasets (name)").eq("dataset_id", dataset);
    return (data ?? []).map(run => run.datasets?.name);
}

export async function mistakes(): Promise<unknown> {
    await supabase.from("datasets").insert({ owner_id: "", name: "", file_path: "" }); // wrong: file_type is required
    await supabase.from("datasets").update({ file_sice: 1 }); // wrong: no such column
    await supabase.from("dataset").select(); // wrong: no such table
    const { data } = await supabase.from("datasets").select("owner").single();
    return data?.owner; // wrong: no such column
}
`;

/** A migration with a schema of its own. */
const notes = {
    up: "create schema app; create table app.notes (id bigint primary key);",
    down: "drop table app.notes; drop schema app;",
    verify: "select from app.notes",
};

for (const major of [15, 17] as const) {
    describe(`npm run types (PostgreSQL ${major})`, function () {
        this.timeout(180_000);
        let cluster: TestCluster;
        let folder: string;
        let file: string;
        let client: pg.Client;
        before(async () => {
            cluster = await testCluster({ major });
            folder = await mkdtemp(join(tmpdir(), "simulation-db-types-"));
            file = join(folder, "database.types.ts");
            client = new pg.Client(cluster.connection);
            await client.connect();
            const { code, stderr } = await types(["--out", file]);
            assert.equal(code, 0, stderr);
        });
        after(async () => {
            await client?.end();
            await cluster?.stop();
            if (folder) await rm(folder, { recursive: true, force: true });
        });

        /** Runs the program as `npm run types -- …` does. */
        async function types(args: readonly string[], cwd = root, environment: Record<string, string> = {}) {
            return await new Promise<{ code: number; stdout: string; stderr: string }>(resolve => {
                execFile(
                    process.execPath,
                    [join(root, "preview", "types.ts"), ...args],
                    { cwd, env: { ...ownEnvironment(), ...cluster.environment, ...environment }, timeout: 120_000 },
                    (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
                );
            });
        }

        it("writes what is pending into the type, and nothing into the database", async () => {
            const { rows } = await client.query("select to_regclass('public.datasets') as datasets");
            assert.equal(rows[0].datasets, null);
            assert.match(await readFile(file, "utf8"), /datasets: \{\n\s+Row: \{\n\s+column_count: number \| null/);
        });

        it("lets a supabase-js program compile, and none that names a column, table or value that is not there", async () => {
            await symlink(join(root, "node_modules"), join(folder, "node_modules"));
            await writeFile(join(folder, "package.json"), '{ "type": "module" }');
            const source = join(folder, "program.ts");
            await writeFile(source, program);
            const options: ts.CompilerOptions = {
                target: ts.ScriptTarget.ES2022,
                module: ts.ModuleKind.NodeNext,
                moduleResolution: ts.ModuleResolutionKind.NodeNext,
                lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
                types: [],
                strict: true,
                noEmit: true,
                skipLibCheck: true,
            };
            const refused = ts.getPreEmitDiagnostics(ts.createProgram([source], options)).map(diagnostic => {
                const at = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? -1;
                const words = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ");
                return { line: `${diagnostic.file?.fileName.slice(folder.length + 1)}:${at}`, words };
            });
            const wrong = program
                .split("\n")
                .flatMap((line, at) => (line.includes("// wrong") ? `program.ts:${at}` : []));
            assert.deepEqual([...new Set(refused.map(({ line }) => line))], wrong, JSON.stringify(refused, null, 2));
        });

        it("is checked in CI: exit code 0 while the file is current, 1 with the line that is not", async () => {
            const current = await types(["--out", file, "--check"]);
            assert.equal(current.code, 0, current.stderr);
            const old = join(folder, "old.types.ts");
            const text = await readFile(file, "utf8");
            await writeFile(old, text.replace("column_count: number | null", "column_count: string"));
            const { code, stderr } = await types(["--out", old, "--check"]);
            assert.equal(code, 1);
            assert.match(stderr, /old\.types\.ts:\d+ is not what the schema will be:/);
            assert.match(stderr, /there: {4}column_count: string\n {2}will be: {2}column_count: number \| null/);
            assert.match(await readFile(old, "utf8"), /column_count: string/);
            const missing = await types(["--out", join(folder, "none.ts"), "--check"]);
            assert.equal(missing.code, 1);
            assert.match(missing.stderr, /none\.ts is not there\./);
            assert.equal((await types(["--check"])).code, 1);
        });

        it("says the same whoever looks, and to standard output where no file is named", async () => {
            await client.query("create role looker login password 'look'");
            try {
                const { code, stdout, stderr } = await types([], root, { PGUSER: "looker", PGPASSWORD: "look" });
                assert.equal(code, 0, stderr);
                assert.equal(stdout, await readFile(file, "utf8"));
            } finally {
                await client.query("drop role looker");
            }
        });

        describe("in a project with a migration applied, one to roll back and one pending", () => {
            let project: SqlProject;
            before(async () => {
                project = await sqlProject(cluster, {
                    "0001_notes": notes,
                    "0002_gone": {},
                });
                await project.must("migrate up");
            });
            after(() => project?.remove());

            it("has the schemas that are asked for, as they will be", async () => {
                await project.write({
                    "0001_notes": notes,
                });
                const { stdout, stderr } = await types(
                    ["--schema", "app, public"],
                    project.folder,
                    project.environment,
                );
                assert.match(stdout, /\n {2}app: \{\n {4}Tables: \{\n {6}notes: \{/, stderr);
                assert.match(stdout, /\n {2}public: \{/);
                assert.doesNotMatch(stdout, /gone/);
                assert.match(stdout, /Extract<keyof Database, "app">/);
                const { code, stderr: said } = await types(["--schema", "ap"], project.folder, project.environment);
                assert.equal(code, 1);
                assert.match(said, /there will be no schema ap\.\n {2}→ schemas of the database: app, public/);
            });

            it("has none when a rollback stands in the way that is refused, and says why", async () => {
                const up = "-- irreversible: what is gone is gone\ncreate schema extra;";
                const trios = { "0001_notes": notes, "0002_gone": {}, "0003_extra": { up, down: "" } };
                await project.write({ ...trios, "0003_extra": { ...trios["0003_extra"], verify: "select 1;" } });
                await project.must("migrate up");
                await project.write({ "0001_notes": notes, "0002_gone": {} });
                try {
                    const { code, stdout, stderr } = await types([], project.folder, project.environment);
                    assert.equal(code, 1, stderr);
                    assert.equal(stdout, "");
                    assert.match(
                        stderr,
                        /^there are no types: 0003_extra cannot be rolled back: what is gone is gone\n {2}→ bring its folder back/m,
                    );
                } finally {
                    await project.admin.query("delete from simulation_db.migration where version = '0003'");
                }
            });

            it("has none where the shadow lacks something of their schemas, and says what", async () => {
                const other = await sqlProject(cluster, { "0001_notes": notes });
                try {
                    await other.must("migrate up");
                    // An extension that no shadow has: another one under a name of our own.
                    await other.admin.query(
                        `create schema ext; grant usage on schema ext to public; create extension ltree schema ext;
                         create table public.ways (path ext.ltree);
                         create materialized view public.deep as select path from public.ways group by path;
                         create table app.others (path ext.ltree);
                         update pg_extension set extname = 'pathtree' where extname = 'ltree';`,
                    );
                    const { code, stdout, stderr } = await types([], other.folder, other.environment);
                    assert.equal(code, 1, stdout);
                    assert.equal(stdout, "");
                    assert.match(
                        stderr,
                        /^there are no types: the shadow lacks materialized view public\.deep, which the target has\.\n {2}→ give it a shadow that has what it takes: SIMULATION_DB_SHADOW_URL/m,
                    );
                    const app = await types(["--schema", "app"], other.folder, other.environment);
                    assert.match(app.stdout, /others: \{/, app.stderr);
                } finally {
                    await other.remove();
                }
            });

            it("has none when a migration fails, and says where", async () => {
                await project.write({
                    "0001_notes": notes,
                    "0002_gone": {},
                    "0003_wrong": { up: "\nalter table app.nots add column a text;" },
                });
                const { code, stdout, stderr } = await types([], project.folder, project.environment);
                assert.equal(code, 1);
                assert.equal(stdout, "");
                assert.match(
                    stderr,
                    /there are no types: sql\/0003_wrong\/up\.sql:2: relation "app\.nots" does not exist/,
                );
            });
        });
    });
}
