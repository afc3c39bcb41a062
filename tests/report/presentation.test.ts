import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import pg from "pg";
import { driftOf } from "../../preview/drift/drift.ts";
import { readSnapshot } from "../../preview/drift/snapshot.ts";
import type { GateSettings } from "../../preview/gates.ts";
import { jsonOf } from "../../preview/report/json.ts";
import { lookAt } from "../../preview/look/look.ts";
import { present, presentationOf, type Presentation } from "../../preview/report/presentation.ts";
import type { Report } from "../../preview/report/report.ts";
import type { Rehearsal } from "../../preview/trial/rehearsal.ts";
import { rehearse } from "../../preview/trial/rehearsal.ts";
import { takeSnapshot } from "../../runner/catalog/undo.ts";
import { ensureLedger } from "../../runner/ledger/create.ts";
import { explain } from "../../runner/userError.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { fences, readPage } from "../docs/pages.ts";
import { assertPrinted } from "../docs/shown.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { ground } from "../findings/ground.ts";
import { assertFitsSchema } from "./schema.ts";

const secret = "opensesame-7Q";

/** In the order of their application; what each is good for is said where it is looked at. */
const pending: readonly Migration[] = [
    migration(
        "0001",
        "notes",
        "-- Keeps what people write down.\ncreate table public.notes (id bigint primary key, body text);\nalter table public.notes enable row level security;\nrevoke all on public.notes from anon;\ncomment on table public.notes is '<script>alert(1)</script> | `x`';",
        "drop table public.notes;",
    ),
    migration(
        "0002",
        "people",
        "-- People are kept elsewhere now.\ndrop table public.people;\nalter table public.runs disable row level security;",
        "create table public.people (id bigint primary key, name text);\nalter table public.runs enable row level security;",
    ),
    migration(
        "0003",
        "forgetful",
        "grant usage on schema private to reporting;\ncomment on table public.runs is 'Runs.';\nalter function private.touch() set search_path = public;",
        "select 1;",
    ),
    migration(
        "0004",
        "ratio",
        "-- allow-destructive: nobody has used it since May\nalter table public.runs drop column ratio;",
        "alter table public.runs add column ratio double precision;",
    ),
    migration("0005", "robot", `create role robot nologin password '${secret}';`, "drop role robot;"),
];

function migration(version: string, slug: string, up: string, down: string): Migration {
    return { version, slug, up, down, verify: "select 1" };
}

for (const major of [15, 17] as const) {
    describe(`a preview's words and reports (PostgreSQL ${major})`, function () {
        this.timeout(120_000);
        let cluster: TestCluster;
        let client: pg.Client;
        let folder: string;
        let rehearsal: Rehearsal;
        let shown: Presentation;
        before(async () => {
            cluster = await testCluster({ major });
            folder = await mkdtemp(join(tmpdir(), "simulation-db-report-"));
            client = new pg.Client(cluster.connection);
            client.on("error", () => {});
            await client.connect();
            await ensureLedger(client);
            await client.query(ground);
            await takeSnapshot(client);
            rehearsal = await rehearse({
                environment: environment(),
                pending,
                toRollBack: [],
                cacheFolder: join(folder, "cache"),
                say: () => {},
            });
            shown = await show(rehearsal, pending);
        });
        after(async () => {
            await client?.end();
            await cluster?.stop();
            if (folder) await rm(folder, { recursive: true, force: true });
        });

        function environment() {
            return { ...process.env, ...cluster.environment };
        }

        async function show(
            tried: Rehearsal,
            migrations: readonly Migration[],
            own: Partial<GateSettings> = {},
        ): Promise<Presentation> {
            const made = await present({
                stack: "simulation-db/staging",
                rehearsal: tried,
                pending: migrations,
                toRollBack: [],
                drift: driftOf(tried.look, await readSnapshot(environment())),
                settings: { exposedSchemas: [], maxLockMs: 2000 },
                gates: { gates: "default", requireVerified: false, drift: "warn", ...own },
                folder: join(folder, "preview"),
            });
            assertFitsSchema(jsonOf(made.report));
            return made;
        }

        function of(version: string): string {
            return (shown.perVersion.get(version)?.lines ?? []).join("\n");
        }

        /** With line breaks as spaces. */
        function flat(text: string): string {
            return text.replaceAll(/\s+/g, " ");
        }

        it("fit into 80 columns with what the engine puts before them", () => {
            const messages = [...shown.perVersion.values(), ...shown.general, ...shown.rollbacks];
            // A path is not broken.
            const lines = messages.flatMap(each => each.lines).filter(line => !line.startsWith("report: "));
            for (const line of lines) assert.ok(line.length <= 74, line);
            const said = explain(shown.stop).split("\n");
            for (const line of said.filter(each => !each.includes("the whole report: ")))
                assert.ok(line.length <= 76, line);
        });

        it("say in words what others say in colour", () => {
            const said = [...shown.perVersion.values(), ...shown.general].flatMap(({ lines }) => lines).join("\n");
            assert.ok(!said.includes("\u001b"));
            for (const word of ["STOPPED by", "STOP destructive", "ok   destructive"])
                assert.ok(said.includes(word), word);
        });

        it("begin with what must not be overlooked", () => {
            const [title, first] = shown.perVersion.get("0002")?.lines ?? [];
            assert.match(title ?? "", /^pending: 0002_people: STOPPED by \d+ findings$/);
            assert.match(
                first ?? "",
                /^ {2}STOP destructive {2}public\.people: goes with all its rows \(about 100 rows,/,
            );
            assert.match(flat(of("0002")), /STOP insecure public\.runs: row level security is switched off/);
        });

        it("are short where more than 8 are pending: the findings that matter, and the way back", () => {
            const many = [1, 2].flatMap(turn =>
                shown.report.pending.map(each => ({ ...each, version: `${turn}${each.version}` })),
            );
            const { perVersion, general } = presentationOf({ ...shown.report, pending: many }, shown.files);
            const text = [...perVersion.values()].flatMap(({ lines }) => lines).join("\n");
            assert.match(text, /STOP destructive {2}public\.people: goes with all its rows/);
            assert.match(text, /back: down restores the catalog exactly/);
            assert.doesNotMatch(text, /becomes|traffic that waits|\bnote\b/);
            assert.match(
                general.flatMap(({ lines }) => lines).join("\n"),
                /of 10 pending migrations only what needs a look/,
            );
            const whole = [...shown.perVersion.values()].flatMap(({ lines }) => lines);
            assert.match(whole.join("\n"), /becomes[\s\S]*traffic that waits/);
        });

        it("say what a harmless migration makes, and that it can be undone", () => {
            assert.match(of("0001"), /pending: 0001_notes: Keeps what people write down\./);
            assert.match(flat(of("0001")), /\+ table public\.notes: 2 columns, RLS on, 1 index; authenticated may/);
            assert.match(of("0001"), /back: down restores the catalog exactly/);
            assert.equal(shown.perVersion.get("0001")?.severity, "info");
        });

        it("name everything that a down forgets: a grant, a comment, a search_path, the order of columns", () => {
            const found = shown.report.pending.flatMap(({ findings }) =>
                findings.filter(({ level }) => level === "irreversible").map(({ object }) => object),
            );
            for (const key of [
                "grants on schema private to reporting",
                "comment on table public.runs",
                "function private.touch()",
                "column order of public.runs",
                "constraint people_run on public.people",
            ]) {
                assert.ok(found.includes(key), `${key} is not among\n${found.join("\n")}`);
            }
        });

        it("say the reason of what is allowed", () => {
            assert.match(
                flat(of("0004")),
                /ok destructive public\.runs\.ratio: goes with its values .* allowed: nobody has used it since May/,
            );
        });

        it("stop the run with every finding that is neither allowed nor harmless", () => {
            assert.match(shown.stop?.message ?? "", /^the preview stops this run; nothing was changed:/);
            const text = flat(shown.stop?.message ?? "");
            for (const word of ["0002_people: destructive", "0002_people: insecure", "0003_forgetful: irreversible"])
                assert.ok(text.includes(word), word);
            assert.doesNotMatch(text, /0001_notes|nobody has used/);
            assert.ok(shown.stop?.next.some(step => step.includes("-- allow-destructive: reason")));
        });

        it("are what docs/preview.md shows", async () => {
            const blocks = fences(await readPage("docs/preview.md"), "console");
            const block = (first: string) => {
                const text = blocks.find(each => each.startsWith(first)) ?? assert.fail(first);
                return text.slice(first.length).trimEnd().split("\n");
            };
            assertPrinted(block("command:local:Command (schema-0002):\n  warning: "), of("0002"));
            assertPrinted(block("error: "), explain(shown.stop));
        });

        it("say how far all of it can be believed", () => {
            assert.match(
                shown.general.flatMap(({ lines }) => lines).join("\n"),
                new RegExp(`preview: verified on a shadow of PostgreSQL ${major}`),
            );
        });

        it("are written as Markdown, JSON and one page, without a secret in any of them", async () => {
            assert.deepEqual(
                shown.files.map(file => basename(file)),
                ["report.md", "report.json", "report.html"],
            );
            const texts = await Promise.all(shown.files.map(file => readFile(file, "utf8")));
            for (const text of [...texts, shown.stop?.message ?? "", of("0005")])
                assert.doesNotMatch(text, new RegExp(secret));
            assert.ok(texts.every(text => text.includes("0002_people")));
        });

        it("are the same in JSON as in the program", async () => {
            const report = JSON.parse(
                await readFile(shown.files.find(file => file.endsWith(".json")) ?? "", "utf8"),
            ) as Report;
            assert.equal(report.format, 1);
            assert.deepEqual(report, JSON.parse(JSON.stringify(shown.report)));
            assert.equal(report.stopped, true);
            assert.deepEqual(
                report.pending.map(({ name, tried }) => [name, tried]),
                pending.map(({ version, slug }) => [`${version}_${slug}`, true]),
            );
        });

        it("need nothing from anywhere: the page has no script, no link and no address, and what it quotes is text", async () => {
            const page = await readFile(shown.files.find(file => file.endsWith(".html")) ?? "", "utf8");
            assert.doesNotMatch(page, /<script|<link|<img|<iframe|https?:\/\/|@import|url\(|\son\w+=/i);
            assert.match(page, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
            assert.match(page, /Content-Security-Policy" content="default-src 'none'/);
            assert.match(page, /<html lang="en">/);
            assert.match(page, /prefers-color-scheme: dark/);
            assert.match(page, /<svg\s[^>]*role="img"\s+aria-labelledby="picture-title picture-words"/);
            assert.match(page, /public\.notes \(new\)/);
            assert.match(page, /public\.people \(gone\)/);
        });

        it("show in Markdown who may do what, before and after", async () => {
            const text = await readFile(shown.files[0] ?? "", "utf8");
            assert.match(
                text,
                /\| `public\.runs` \| authenticated \| select \(by policy\), truncate, update \(by policy\) \| \*\*delete, insert, select, truncate, update\*\* \|/,
            );
            assert.doesNotMatch(text.replaceAll(/```sql[\s\S]*?```/g, ""), /<script>/);
        });

        it("show drift also when nothing is pending, and stop for it where the stack says so", async () => {
            await client.query("create index by_hand on public.people (name)");
            try {
                const nothing: Rehearsal = {
                    look: await lookAt(environment()),
                    proof: { level: "not needed", verified: true, words: "nothing is pending", notes: [] },
                    up: [],
                    down: [],
                };
                const warned = await show(nothing, []);
                const lines = warned.general.flatMap(each => each.lines).join("\n");
                assert.match(lines, /drift: 1 object of the database changed since this tool's last change:/);
                assert.match(lines, /\+ index by_hand \(name\)/);
                assert.equal(warned.stop, undefined);
                const stopped = await show(nothing, [], { drift: "stop" });
                assert.match(stopped.stop?.message ?? "", /STOP drift: 1 object/);
            } finally {
                await client.query("drop index public.by_hand");
            }
        });

        it("show what changed on the bucket also where the catalog was not compared, and what was not looked at", () => {
            const change = { sign: "~", object: "bucket of the datasets", summary: "", details: [], ddl: [] } as const;
            const of = (drift: Partial<Report["drift"]>) => {
                const none = { entries: [], changes: [], managed: [], stops: false };
                const report = { ...shown.report, pending: [], stopped: drift.stops ?? false };
                return presentationOf({ ...report, drift: { ...none, ...drift } }, []);
            };
            const lines = ({ general }: Pick<Presentation, "general">) =>
                general.flatMap(each => each.lines).join("\n");
            const notChecked = "this login may not";
            const both = of({ notChecked, changes: [change], stops: true });
            const told =
                /^drift not checked: this login may not\nSTOP drift: 1 object [^~]*\n {4}~ bucket of the datasets$/m;
            assert.match(lines(both), told);
            assert.match(both.stop?.message.replaceAll(/^ {2}/gm, "") ?? "", told);
            assert.equal(lines(of({ notChecked })), "drift not checked: this login may not");
            const ofBucket = of({ bucketNotChecked: "the bucket's settings are not compared" });
            assert.equal(lines(ofBucket), "the bucket's settings are not compared");
            assert.deepEqual(
                ofBucket.general.map(({ severity }) => severity),
                ["info"],
            );
        });

        it("know a table and a column by the names that an earlier pending migration gives them", async () => {
            const renaming = [
                migration(
                    "0001",
                    "renamed",
                    "alter table public.runs rename to jobs; alter table public.jobs rename column price to cents;",
                    "alter table public.jobs rename column cents to price; alter table public.jobs rename to runs;",
                ),
                migration("0002", "later", "update public.jobs set cents = 1; delete from public.jobs;", "select 1;"),
                migration(
                    "0003",
                    "index",
                    "create index jobs_size on public.jobs (size);",
                    "drop index public.jobs_size;",
                ),
                migration(
                    "0004",
                    "narrow",
                    "alter table public.jobs alter column cents type integer;",
                    "alter table public.jobs alter column cents type numeric(10, 2);",
                ),
                migration("0005", "gone", "drop table public.jobs cascade;", "select 1;"),
            ];
            const tried = await rehearse({
                environment: environment(),
                pending: renaming,
                toRollBack: [],
                cacheFolder: join(folder, "cache"),
                say: () => {},
            });
            const { report } = await show(tried, renaming);
            const told = report.pending.map(({ findings }) =>
                findings
                    .filter(({ level }) => /destructive|blocking/.test(level))
                    .map(({ code, object }) => `${code} ${object}`),
            );
            assert.deepEqual(told, [
                [],
                ["rows-overwritten public.runs", "rows-deleted public.runs"],
                ["index-built-under-lock public.runs"],
                ["values-narrowed public.jobs.cents", "table-rewritten public.runs"],
                ["table-lost public.jobs"],
            ]);
            const words = report.pending.flatMap(({ findings }) => findings.map(finding => finding.words));
            assert.ok(!words.some(text => text.includes("size unknown")), words.join("\n"));
            assert.deepEqual(
                report.pending[2]?.locks.map(({ relation, rows }) => [relation, rows]),
                [["public.runs", 1000]],
            );
        });

        it("show a table with a new name as the one that it was, and what is granted on columns", async () => {
            const renaming = [
                migration(
                    "0001",
                    "more",
                    "alter table public.runs add column more text;",
                    "alter table public.runs drop column more;",
                ),
                migration(
                    "0002",
                    "renamed",
                    "alter table public.runs rename to jobs; alter table public.jobs rename column price to cents;",
                    "alter table public.jobs rename column cents to price; alter table public.jobs rename to runs;",
                ),
                migration(
                    "0003",
                    "columns",
                    "grant select (name, id), update (name) on public.people to authenticated;",
                    "revoke select (name, id), update (name) on public.people from authenticated;",
                ),
            ];
            const tried = await rehearse({
                environment: environment(),
                pending: renaming,
                toRollBack: [],
                cacheFolder: join(folder, "cache"),
                say: () => {},
            });
            const { access, diagram } = (await show(tried, renaming)).report;
            const marks = diagram.tables.map(({ name, mark, columns }) => [
                name,
                mark,
                columns.filter(column => column.mark !== "same").map(column => column.name),
            ]);
            assert.deepEqual(marks, [
                ["auth.users", "same", []],
                ["public.jobs", "changed", ["more"]],
                ["public.people", "same", []],
            ]);
            const may = (name: string) =>
                access
                    .filter(({ table, role }) => role === "authenticated" && table === name)
                    .map(({ before: had, after: has }) => [had.join(", "), has.join(", ")]);
            const asBefore = "select (by policy), truncate, update (by policy)";
            assert.deepEqual(may("public.jobs"), [[asBefore, asBefore]]);
            assert.deepEqual(may("public.people"), [["", "select (id, name), update (name)"]]);
        });

        it("say NOT VERIFIED and why where there was no shadow, with all statements in the report", async () => {
            const words = "NOT VERIFIED AGAINST A DATABASE: there is no embedded PostgreSQL for it";
            const blind = await show(
                { ...rehearsal, proof: { level: "static", verified: false, words, notes: [] }, up: [] },
                pending,
            );
            assert.match(flat(blind.general.flatMap(({ lines }) => lines).join(" ")), new RegExp(words));
            assert.match(blind.perVersion.get("0002")?.lines[0] ?? "", /NOT VERIFIED/);
            assert.match(
                (blind.perVersion.get("0002")?.lines ?? []).join("\n"),
                /its statements\n {4}line 2: drop table public\.people/,
            );
            for (const file of blind.files)
                assert.match(await readFile(file, "utf8"), /grant usage on schema private to reporting/);
            assert.ok(blind.report.pending.every(({ statements }) => statements.length > 0));
            assert.ok(blind.stop !== undefined);
        });
    });
}
