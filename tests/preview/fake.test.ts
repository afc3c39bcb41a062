import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StackProject } from "../support/stackProject.ts";
import type { StackTarget } from "../support/stackTarget.ts";
import { assertRefused } from "../stack/refused.ts";
import { appliedPlan } from "../stack/appliedPlan.ts";
import { migrationFiles, smallPlan } from "../stack/smallPlan.ts";

const change = (up: string, down = "select 1;\n") => migrationFiles("0004_change", { up, down, verify: "select 1;\n" });
const column = (name: string) =>
    change(`alter table public.big add column ${name} integer;\n`, `alter table public.big drop column ${name};\n`);

/** What a preview that diffs catalogs, or reads files, would not show. One line each: the statements and what must be told. */
const hidden: readonly (readonly [sql: string, told: string])[] = [
    [
        "do $$ begin execute format('create table public.%I (id bigint)', 'made_' || 'inside'); end $$",
        "rls-missing public.made_inside",
    ],
    [
        "drop table public.kept; create table public.kept (id bigint primary key, at date)",
        "table-recreated public.kept",
    ],
    ["alter table public.notes drop column text, add column text text", "column-recreated public.notes.text"],
    ["alter table public.plain rename column id to number", "column-renamed public.plain.id"],
    ["truncate public.plain", "table-emptied public.plain"],
    ["delete from public.notes", "rows-deleted public.notes"],
    [
        "create policy files on storage.objects for select to anon using (true)",
        "policy-open policy files on storage.objects",
    ],
    ["alter table public.datasets disable row level security", "rls-off public.datasets"],
    ["grant select on public.notes to anon", "grant-to-anon public.notes"],
    [
        "alter default privileges grant select on tables to public",
        "default-privileges-opened new tables of postgres in all schemas",
    ],
    ["alter table public.datasets add column key uuid default gen_random_uuid()", "table-rewritten public.datasets"],
    ["alter table public.big add column made timestamptz default now()", ""],
    ["comment on table public.big is 'Large.'", ""],
    ["create table public.theirs (user_id uuid references auth.users (id))", "rls-missing public.theirs"],
];

/** What of report.json is looked at here. */
interface PendingReport {
    readonly findings: readonly { code: string; object: string; level: string }[];
    readonly changes: readonly { object: string; details: readonly { words: string }[] }[];
    readonly locks: readonly { relation: string; mode: string }[];
}

for (const major of [15, 17] as const) {
    describe(`pulumi preview is no fake (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let target: StackTarget;
        let project: StackProject;

        before(async () => {
            ({ target, project } = await appliedPlan(major));
            await target.admin.query(
                `set role postgres;
                 create table public.kept (id bigint primary key, at date);
                 create table public.plain (id bigint);
                 create table public.big (id bigint);
                 create view public.words as select text from public.notes;
                 revoke all on public.kept, public.plain, public.big, public.words from anon, authenticated;
                 insert into public.plain values (1);
                 insert into public.big values (1);
                 insert into public.notes (text) values ('a');
                 analyze; reset role`,
            );
        });
        after(async () => {
            await project?.remove();
            await target?.stop();
        });

        it("another text in a file of the same name is another preview", async () => {
            await project.useSql({ ...smallPlan, ...column("one") });
            assert.match((await project.preview()).output, /\+ column one integer/);
            await project.useSql({ ...smallPlan, ...column("two") });
            const { output } = await project.preview();
            assert.match(output, /\+ column two integer/);
            assert.doesNotMatch(output, /column one/);
        });

        it("an error that only running it shows stops it, in PostgreSQL's words and with file and line", async () => {
            const sql = "-- Makes room.\nalter table public.notes\n    alter column text type varchar(300);\n";
            await project.useSql({ ...smallPlan, ...change(sql) });
            assertRefused(
                await project.preview(),
                /cannot alter type of a column used\s+by a view or rule/,
                /sql\/0004_change\/up\.sql:2/,
            );
        });

        it("what somebody added to the target by hand collides with what is pending", async () => {
            await target.admin.query("alter table public.big add column size integer");
            try {
                await project.useSql({ ...smallPlan, ...column("size") });
                assertRefused(await project.preview(), /column "size" of relation "big"\s+already exists/);
            } finally {
                await target.admin.query("alter table public.big drop column size");
            }
        });

        it("what no diff of two catalogs has is told and stops: lost, emptied, opened, rewritten, locked", async () => {
            // The view stands in the way of the column.
            const sql = `drop view public.words;\n${hidden.map(([text]) => `${text};\n`).join("")}`;
            await project.useSql({ ...smallPlan, ...change(sql) });
            assertRefused(await project.preview(), "the preview stops this run; nothing was changed");
            const { pending } = JSON.parse(
                await readFile(join(project.dir, ".local/preview/dev/report.json"), "utf8"),
            ) as { pending: readonly [PendingReport] };
            const [{ findings, changes, locks }] = pending;
            const told = findings.map(({ code, object }) => `${code} ${object}`);
            for (const [text, expected] of hidden)
                assert.ok(expected === "" || told.includes(expected), `${text}: ${told.join(", ")}`);
            const ofBig = told.filter(each => !each.startsWith("down-differs") && each.includes("public.big"));
            assert.deepEqual(ofBig, [], "a default that is the same for all is harmless");
            const words = changes
                .flatMap(({ object, details }) => [object, ...details.map(each => each.words)])
                .join("\n");
            for (const each of ["made_inside", "policy files", "column made", "Large.", "row level security|RLS"]) {
                assert.match(words, new RegExp(each));
            }
            assert.ok(
                locks.some(({ relation }) => relation === "auth.users"),
                "the foreign key's other end",
            );
            assert.equal((await target.admin.query("select from public.plain")).rowCount, 1);
        });
    });
}
