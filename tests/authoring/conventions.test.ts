import assert from "node:assert/strict";
import { breachesOf } from "../../authoring/conventions/conventions.ts";
import type { Migration, Part } from "../../runner/migration/migration.ts";

const heads: Readonly<Record<Part, string>> = {
    up: "-- Does it.\n",
    down: "-- Loses nothing.\n",
    verify: "-- It is there.\n",
};

/** A migration that keeps to everything but what a case says. */
function migration(texts: Partial<Record<Part, string>>): Migration {
    const sql = { up: "select 1;\n", down: "select 1;\n", verify: "select 1;\n", ...texts };
    const text = (part: Part) => (sql[part].startsWith("-- ") ? sql[part] : heads[part] + sql[part]);
    return { version: "0001", slug: "case", up: text("up"), down: text("down"), verify: text("verify") };
}

/** What was there before: a table, a function and a view. */
const known = ["table public.runs", "function public.touch", "view public.listed"];

async function told(texts: Partial<Record<Part, string>>): Promise<string[]> {
    const breaches = await breachesOf(migration(texts), object => known.includes(object));
    return breaches.map(({ part, line, code }) => `${part}:${line} ${code}`);
}

const table = "create table public.notes (id bigint primary key);\n";
const rest =
    "alter table public.notes enable row level security;\nrevoke all on table public.notes from public;\ncomment on table public.notes is 'Notes.';\n";
const policy = (clauses: string, name = "runs_owner_read") => ({
    up: `create policy ${name} on public.runs ${clauses};\n`,
});
const routine = (text: string) => ({
    up: `${text}\nrevoke all on function public.f() from public;\ncomment on function public.f() is 'F.';\n`,
});

// One line each: what is written, and every breach that it is.
// prettier-ignore
const breaking: readonly (readonly [string, Partial<Record<Part, string>>, readonly string[]])[] = [
    ["capitals", { up: "SELECT 1;\n" }, ["up:2 not-lowercase"]],
    ["capitals in a body", { up: "do $$\nBEGIN\nend\n$$;\n" }, ["up:3 not-lowercase"]],
    ["capitals in down", { down: "select NULL;\n" }, ["down:2 not-lowercase"]],
    ["a guarded create", { up: "create index concurrently if not exists a on public.runs (id);\n" }, ["up:2 if-not-exists"]],
    ["a guarded create inside execute", { up: "do $$\nbegin\n    execute format('create index if not exists %I on a.b (c)', 'd');\nend\n$$;\n" }, ["up:4 if-not-exists"]],
    ["a guarded column", { up: "alter table public.runs add column if not exists note text;\n" }, ["up:2 if-not-exists"]],
    ["a guarded drop", { down: "drop table if exists public.notes;\n" }, ["down:2 if-exists"]],
    ["a drop that takes others along", { down: "drop table public.notes cascade;\n" }, ["down:2 cascade"]],
    ["a silent replacement of a trigger", { up: "create or replace trigger t before update on public.runs for each row execute function public.touch();\n" }, ["up:2 create-or-replace"]],
    ["a silent replacement inside execute", { up: "do $$\nbegin\n    execute 'create or replace view public.listed as select 1';\nend\n$$;\n" }, ["up:4 create-or-replace"]],
    ["a replacement of a function that nobody made", routine("create or replace function public.f() returns int language sql set search_path = '' return 1;"), ["up:2 create-or-replace"]],
    ["a tab", { up: "select\t1;\n" }, ["up:2 tab"]],
    ["a blank at the end of a line", { up: "select 1; \n" }, ["up:2 blank-at-end"]],
    ["a long line", { up: `select '${"x".repeat(160)}';\n` }, ["up:2 long-line"]],
    ["no line break at the end", { up: "select 1;" }, ["up:2 last-line"]],
    ["a line break too many", { verify: "select 1;\n\n" }, ["verify:4 last-line"]],
    ["no sentence in up", { up: "-- does it\nselect 1;\n" }, ["up:1 no-sentence"]],
    ["no sentence in down", { down: "-- lock-timeout is short\nselect 1;\n" }, ["down:1 no-sentence"]],
    ["the draft of npm run new", { up: "-- Here: one sentence that says what this does. Previews and the ledger show it.\nselect 1;\n" }, ["up:1 no-sentence"]],
    ["a table without a schema", { up: "insert into runs values (1);\n" }, ["up:2 no-schema"]],
    ["a type without a schema", { up: "create type mood as enum ('sad');\n" }, ["up:2 no-schema"]],
    ["a dropped function without a schema", { down: "drop function f();\n" }, ["down:2 no-schema"]],
    ["a new table that is open", { up: `${table}comment on table public.notes is 'Notes.';\n` }, ["up:2 no-row-security", "up:2 not-closed"]],
    ["a new table without a comment", { up: table + rest.replace(/comment.*\n/, "") }, ["up:2 no-comment"]],
    ["a check without a name", { up: table.replace("key)", "key, check (id > 0))") + rest }, ["up:2 check-unnamed"]],
    ["a foreign key that leaves the rest open", { up: table.replace("key)", "key references public.runs (id))") + rest }, ["up:2 no-on-delete"]],
    ["an index under a lock", { up: "create index runs_name on public.runs (name);\n" }, ["up:2 index-not-concurrent"]],
    ["a check that reads all rows", { up: "alter table public.runs add constraint runs_named check (name <> '');\n" }, ["up:2 not-not-valid"]],
    ["a column with a default", { up: "alter table public.runs add column note text default '';\n" }, ["up:2 column-not-bare"]],
    ["a policy with a name of its own", policy("for select to authenticated using (true)", "\"Read all\""), ["up:2 policy-name"]],
    ["a policy for everything", policy("for all to authenticated using (true) with check (true)"), ["up:2 policy-verbs"]],
    ["a policy for everybody", policy("for select using (true)"), ["up:2 policy-roles"]],
    ["a policy for two roles", policy("for select to authenticated, service_role using (true)"), ["up:2 policy-roles"]],
    ["an update without a check", policy("for update to authenticated using (true)"), ["up:2 policy-check"]],
    ["a caller who is looked up for every row", policy("for select to authenticated using (owner_id = auth.uid())"), ["up:2 policy-caller"]],
    ["row level security before its policies", { up: "alter table public.runs enable row level security;\ncreate policy runs_owner_read on public.runs for select to authenticated using (true);\n" }, ["up:2 policies-late"]],
    ["a function without a search_path", routine("create function public.f() returns int language sql return 1;"), ["up:2 no-search-path"]],
    ["a function that anybody may call", { up: "create function public.f() returns int language sql set search_path = '' return 1;\ncomment on function public.f() is 'F.';\n" }, ["up:2 function-open"]],
    ["a function without a comment", { up: "create function public.f() returns int language sql set search_path = '' return 1;\nrevoke all on function public.f() from public;\n" }, ["up:2 no-comment"]],
    ["a verify that changes something", { verify: "do $$\nbegin\n    delete from pg_class;\nend\n$$;\n" }, ["verify:4 verify-changes"]],
    ["a verify that reads rows", { verify: "select from public.runs;\n" }, ["verify:2 verify-reads-rows"]],
];

// prettier-ignore
const keeping: readonly (readonly [string, Partial<Record<Part, string>>])[] = [
    ["on delete cascade", { up: table.replace("key)", "key references public.runs (id) on delete cascade)") + rest }],
    ["on delete no action, said", { up: table.replace("key)", "key references public.runs (id) on delete no action)") + rest }],
    ["plpgsql's own if not exists", { up: "do $$\nbegin\n    if not exists (select from public.runs) then\n        return;\n    end if;\nend\n$$;\n" }],
    ["a directive that is long: it is one line", { down: `-- archive-rows: public.runs where ${"x".repeat(160)} is null\n-- Loses nothing.\nselect 1;\n` }],
    ["a table that is closed, secured and explained", { up: table + rest }],
    ["an index on a table of the same migration", { up: `${table}create index notes_id on public.notes (id);\n${rest}` }],
    ["a function that is there and is replaced", { up: "create or replace function public.touch() returns int language sql set search_path = '' return 1;\n" }],
    ["a view that is there and is replaced", { up: "create or replace view public.listed as select 1 as id;\n" }],
    ["a function that down brings back", { down: "create or replace function public.touch() returns int language sql set search_path = '' return 1;\n" }],
    ["the names of with", { up: "with gone as (delete from public.runs returning id) select count(*) from gone;\n" }],
    ["the system catalogs", { up: "select from pg_class;\n" }],
    ["a caller who is looked up once", policy("for select to authenticated using (owner_id = (select auth.uid()))")],
    ["policies before row level security", { up: "create policy runs_owner_read on public.runs for select to authenticated using (true);\nalter table public.runs enable row level security;\n" }],
    ["a directive before the sentence", { up: "-- lock-timeout: 1s\n-- Does it.\nselect 1;\n" }],
];

describe("the conventions of the SQL", function () {
    this.timeout(20_000);

    for (const [what, texts, expected] of breaking) {
        it(`are broken by ${what}`, async () => assert.deepEqual(await told(texts), expected));
    }
    for (const [what, texts] of keeping) {
        it(`are kept by ${what}`, async () => assert.deepEqual(await told(texts), []));
    }
});
