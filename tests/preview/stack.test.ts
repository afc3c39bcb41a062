import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { outcomeOf, ownEnvironment } from "../support/engine.ts";
import { withoutDots } from "../support/engineDots.ts";
import type { StackProject } from "../support/stackProject.ts";
import type { StackTarget } from "../support/stackTarget.ts";
import { assertRefused } from "../stack/refused.ts";
import { appliedPlan } from "../stack/appliedPlan.ts";
import { migrationFiles, smallPlan } from "../stack/smallPlan.ts";

const tags = migrationFiles("0004_tags", {
    up: "-- Lets people mark their notes.\nalter table public.notes add column tags text[];\n",
    down: "alter table public.notes drop column tags;\n",
    verify: "select tags from public.notes limit 0;\n",
});

const slow = migrationFiles("0004_slow", {
    up: "select pg_sleep(1.5);\n",
    down: "select 1;\n",
    verify: "select 1;\n",
});

const opened = (head: string) =>
    migrationFiles("0004_open", {
        up:
            `${head}-- Shows the notes to everybody.\ngrant select on table public.notes to anon;\n` +
            "create index notes_text on public.notes (text);\ncreate index notes_text_again on public.notes (text);\n",
        down:
            "drop index public.notes_text_again;\ndrop index public.notes_text;\n" +
            "revoke select on table public.notes from anon;\n",
        verify: "select 1;\n",
    });

for (const major of [15, 17] as const) {
    describe(`what pulumi preview shows, and what it stops (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let target: StackTarget;
        let project: StackProject;

        before(async () => {
            ({ target, project } = await appliedPlan(major));
        });
        after(async () => {
            await project?.remove();
            await target?.stop();
        });

        const columns = async () =>
            (await target.admin.query("select attname from pg_attribute where attrelid = 'public.notes'::regclass"))
                .rowCount;
        const anonMayRead = async () =>
            (await target.admin.query("select has_table_privilege('anon', 'public.notes', 'select') as may")).rows[0]
                .may as boolean;

        /** What a program of the project prints that is not run by the engine. */
        async function printed(...args: string[]): Promise<string> {
            const child = spawn(process.execPath, args, {
                cwd: project.dir,
                env: { ...ownEnvironment(), ...project.environment, SIMULATION_DB_STACK: "simulation-db/dev" },
                stdio: ["ignore", "pipe", "pipe"],
                timeout: 120_000,
            });
            const { code, output, stdout } = await outcomeOf(child);
            assert.equal(code, 0, output);
            return stdout;
        }

        it("a pending migration has its change, its locks and its way back under its own resource", async () => {
            await project.useSql({ ...smallPlan, ...tags });
            const { output } = await project.must("preview");
            const [, part = ""] = /\(schema-0004\):\n([\s\S]*?)\n\n/.exec(output) ?? [];
            assert.match(part, /pending: 0004_tags: Lets people mark their notes\./);
            assert.match(part, /~ table public\.notes\n\s+\+ column tags text\[\]/);
            assert.match(part, /public\.notes: reads and writes, for a moment/);
            assert.match(part, /back: down restores the catalog exactly/);
            assert.match(output, new RegExp(`verified on a shadow of PostgreSQL ${major}`));
            for (const line of part.split("\n")) assert.ok(line.length <= 80, line);
            const report = JSON.parse(await readFile(join(project.dir, ".local/preview/dev/report.json"), "utf8"));
            assert.equal(report.pending[0].version, "0004");
        });

        it("a refusal before any report leaves its words for whoever publishes reports", async () => {
            await project.useSql({ ...smallPlan, "0003_notes/up.sql": `${smallPlan["0003_notes/up.sql"]}select 1;\n` });
            assertRefused(await project.preview(), "0003");
            const words = await readFile(join(project.dir, ".local/preview/dev/stopped.md"), "utf8");
            assert.match(words, /^```\n[\s\S]*0003_notes: up\.sql differs[\s\S]*\n```\n$/);
        });

        it("what takes longer than a second is said while it goes on, in lines that fit 80 columns", async () => {
            await project.useSql({ ...smallPlan, ...slow });
            const { output } = await project.must("preview");
            const lines = withoutDots(output)
                .split("\n")
                .filter(line => line.endsWith(" …"));
            assert.ok(lines.some(line => line.endsWith(" trying migrations …")));
            for (const line of lines) assert.ok(line.length <= 80, line);
        });

        it("what nobody allowed stops preview and up, and nothing is changed", async () => {
            await project.useSql({ ...smallPlan, ...opened("") });
            const words = ["the preview stops this run; nothing was changed", "anon may select", "-- allow-insecure"];
            assertRefused(await project.preview(), ...words);
            assertRefused(await project.up(), ...words);
            assert.equal(await anonMayRead(), false);
            assert.equal((await project.resources()).includes("schema-0004"), false);
        });

        it("with a reason in the migration it passes; with strict gates it does not all the same", async () => {
            await project.useSql({ ...smallPlan, ...opened("-- allow-insecure: the notes are public from now on\n") });
            await project.configure({ gates: "strict" });
            assertRefused(await project.preview(), "gates: strict");
            await project.configure({ gates: "default" });
            const { output } = await project.must("preview");
            assert.match(output, /allowed: the notes are public from now on/);
            assert.match(output, /Supabase's\s+advisors\s+will\s+say\s+duplicate_index/);
        });

        it("a database that is changed between preview and up stops up, until it is looked at again", async () => {
            await project.useSql({ ...smallPlan, ...tags });
            await project.must("preview");
            const before = await columns();
            await target.admin.query("alter table public.notes add column meanwhile text");
            assertRefused(await project.up(), "the database was changed after the preview");
            assert.equal(await columns(), Number(before) + 1);
        });

        it("drift is told object by object, also when nothing is pending, and stops where the stack says so", async () => {
            await project.useSql(smallPlan);
            const { output } = await project.must("preview");
            assert.match(output, /drift: 1 object of the database changed[\s\S]*~ table public\.notes/);
            assert.match(output, /\+ column meanwhile text/);
            await project.configure({ drift: "stop" });
            assertRefused(await project.preview(), "STOP drift", "column meanwhile text");
            await project.configure({ drift: "warn" });
            await target.admin.query("alter table public.notes drop column meanwhile");
            await target.admin.query("update storage.buckets set public = true where id = 'datasets'");
            assert.match((await project.must("preview")).output, /bucket of the datasets\n\s+~ it is public/);
            await target.admin.query("update storage.buckets set public = false where id = 'datasets'");
            assert.doesNotMatch((await project.must("preview")).output, /drift/);
        });

        it("a rollback shows in the same form what goes, what is kept and what waits", async () => {
            await project.useSql({ ...smallPlan, ...tags });
            await project.must("up", "--yes");
            await target.admin.query("insert into public.notes (text, tags) values ('a', '{b}')");
            await target.admin.query("analyze public.notes");
            await project.useSql(smallPlan);
            const { output } = await project.must("preview");
            assert.match(output, /\(schema\):\n\s+warning: to be rolled back: 0004_tags/);
            assert.match(output, /kept in the archive: public\.notes \(tags\), about 1 row/);
        });

        it("before a destroy, all that it would roll back is shown, newest first, and nothing is", async () => {
            const stdout = await printed("preview/destroy.ts");
            const told = [...stdout.matchAll(/^to be rolled back: (\d{4})/gm)].map(([, version]) => version);
            assert.deepEqual(told, ["0004", "0003", "0002", "0001"]);
            assert.match(stdout, /- table public\.notes/);
            assert.equal((await target.admin.query("select from public.notes")).rowCount, 1);
        });

        it("where no shadow can be made it says so, and a stack that wants proof stops", async () => {
            await project.useSql({ ...smallPlan, ...tags, ...later });
            // The roles of the target cannot all be made on a shadow: one has a name that PostgreSQL reserves.
            await target.admin.query("update pg_authid set rolname = 'none' where rolname = 'dashboard_user'");
            try {
                const { output } = await project.must("preview");
                assert.match(output, /NOT VERIFIED AGAINST A DATABASE: /);
                assert.match(output, /pending: 0005_later: NOT VERIFIED/);
                await project.configure({ requireVerified: "true" });
                assertRefused(await project.preview(), "requireVerified", "nothing was changed");
            } finally {
                await project.configure({ requireVerified: "false" });
                await target.admin.query("update pg_authid set rolname = 'dashboard_user' where rolname = 'none'");
            }
        });

        it("status says for programs what is applied, pending and changed by hand", async () => {
            await project.useSql({ ...smallPlan, ...tags, ...later });
            await target.admin.query("create index by_hand on public.notes (text)");
            try {
                const status = JSON.parse(await printed("preview/status.ts", "--json"));
                const { format, stack, toRollBack, interrupted, foreign, drift } = status;
                assert.deepEqual(
                    { format, stack, toRollBack, interrupted, foreign, drift },
                    {
                        format: 1,
                        stack: "simulation-db/dev",
                        toRollBack: [],
                        interrupted: null,
                        foreign: [],
                        drift: { objects: ["table public.notes"] },
                    },
                );
                const versions = (rows: readonly { version: string }[]) => rows.map(({ version }) => version);
                const [applied, pending] = [versions(status.applied), versions(status.pending)];
                assert.deepEqual([...applied, ...pending], ["0001", "0002", "0003", "0004", "0005"]);
                assert.ok(applied.includes("0003") && pending.includes("0005"));
            } finally {
                await target.admin.query("drop index public.by_hand");
            }
        });

        it("status tells what changed on the bucket also where the catalog is not compared", async () => {
            const { rows } = await target.admin.query("select server from simulation_db.snapshot");
            await target.admin.query("update simulation_db.snapshot set server = 160000");
            try {
                const drift = async () => JSON.parse(await printed("preview/status.ts", "--json")).drift;
                const { notChecked } = await drift();
                assert.match(notChecked, /^the last snapshot is of PostgreSQL 16/);
                assert.deepEqual(await drift(), { objects: [], notChecked });
                await target.admin.query("update storage.buckets set public = true where id = 'datasets'");
                assert.deepEqual(await drift(), { objects: ["bucket of the datasets"], notChecked });
                const words = /^drift +not checked: the last .*; 1 changed by hand: bucket of the datasets; /m;
                assert.match(await printed("preview/status.ts"), words);
            } finally {
                await target.admin.query("update storage.buckets set public = false where id = 'datasets'");
                await target.admin.query("update simulation_db.snapshot set server = $1", [rows[0].server]);
            }
        });

        it("another size limit is one update, of the bucket's step, with the bytes before and after", async () => {
            await project.configure({ datasetMaxBytes: "1000000" });
            try {
                const { output } = await project.must("preview", "--diff");
                assert.match(output, /"?maxBytes"?: 52428800 => 1000000|52428800[\s\S]*1000000/);
                const { steps } = await project.previewJson();
                const changed = steps
                    .filter(({ op }) => op !== "same")
                    .map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`);
                assert.ok(changed.includes("update datasets-bucket"), changed.join());
            } finally {
                await project.configure({ datasetMaxBytes: "52428800" });
            }
        });

        it("a login without any privilege on tables sees the pending ones, and is told what it cannot see", async () => {
            const password = crypto.randomUUID();
            await target.admin.query(`create role looker login password ${pg.escapeLiteral(password)}`);
            const environment = project.environment;
            try {
                await project.useSql({ ...smallPlan, ...tags, ...later });
                project.environment = { ...environment, PGUSER: "looker", PGPASSWORD: password };
                const { output } = await project.must("preview");
                assert.match(output, /this login may not read the ledger/);
                assert.match(output, /pending: 0005_later/);
                assert.match(output, /drift not checked/);
            } finally {
                project.environment = environment;
                await target.admin.query("drop role looker");
            }
        });
    });
}

const later = migrationFiles("0005_later", {
    up: "comment on table public.notes is 'What people wrote down.';\n",
    down: "comment on table public.notes is null;\n",
    verify: "select 1;\n",
});
