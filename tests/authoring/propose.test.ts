import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { makeNew } from "../../authoring/folder/new.ts";
import assert from "node:assert/strict";
import { openGround, type Ground } from "../../authoring/ground/ground.ts";
import { breachesOf } from "../../authoring/conventions/conventions.ts";
import { propose } from "../../authoring/proposal/proposal.ts";
import { readDownDirectives } from "../../runner/migration/directives.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { rehearseOnce } from "../shadow/ground.ts";

const root = dirname(dirname(import.meta.dirname));

/** What is there before: one table per case that changes one, so that the cases do not meet. */
const scene = `
create schema app;
create type app.mood as enum ('sad', 'glad');
create type app.size as enum ('Very large (old) , . x');
create domain app.word as text;
${["reporting", "auditing", "checking", "reviewing"].map(name => `create role ${name} nologin;\n`).join("")}
grant auditing, checking to service_role;
alter default privileges in schema app grant select on tables to service_role;
create function app.one() returns integer language sql set search_path = '' return 1;
comment on function app.one() is 'One.';
create table app.owners (id bigint primary key, name text not null);
${[
    "plain",
    "dropped",
    "typed",
    "filled",
    "defaulted",
    "renamed",
    "guarded",
    "indexed",
    "checked",
    "granted",
    "viewed",
    "triggered",
    "commented",
    "gone",
    "titled",
]
    .map(
        name => `
create table app.${name} (
    id bigint generated always as identity primary key,
    owner bigint references app.owners,
    size integer check (size > 0),
    note text default 'none',
    kept text
);
comment on table app.${name} is 'Things.';
alter table app.${name} enable row level security;
create policy ${name}_read on app.${name} for select to authenticated using (note is not null);
create index ${name}_note on app.${name} (note);
grant select on app.${name} to authenticated;
grant update (note) on app.${name} to authenticated;`,
    )
    .join("")}
create view app.shown as select id, note from app.viewed;
create table app.wordy (
    id bigint primary key,
    word text default '${"many words and many more ".repeat(8)}',
    constraint wordy_word check (word in (${Array.from({ length: 24 }, (_, nth) => `'word number ${nth}'`).join(", ")}) or length(word) > 20)
);
comment on table app.wordy is 'It''s ${"told at length ".repeat(20)}.';
`;

type Verdict = "restored" | "restored except column order" | "restored except what is declared";

// One line per kind of change: what it is, up, and what the proof of undo says of the proposed down.
// prettier-ignore
const cases: readonly (readonly [kind: string, up: string, verdict: Verdict, down: RegExp])[] = [
    ["a table with policy, index, grant and comment", "create table app.notes (id bigint primary key, text text);\nalter table app.notes enable row level security;\nrevoke all on table app.notes from anon;\ncreate policy notes_read on app.notes for select to authenticated using (true);\ncreate index notes_text on app.notes (text);\ngrant select on table app.notes to authenticated;\ncomment on table app.notes is 'Notes.';", "restored", /^-- Here: The rows of app\.notes are lost; [^\n]*\ndrop table app\.notes;\n$/],
    ["a column", "alter table app.plain add column license text;\ncomment on column app.plain.license is 'License.';", "restored", /The values of app\.plain\.license are lost[^\n]*\nalter table app\.plain drop column license;\n$/],
    ["a dropped column with what hung on it", "alter table app.dropped drop column note cascade;", "restored except column order", /^-- not-restored: column order of app\.dropped\n-- Here: Loses nothing\.\n-- What up took stays lost: column app\.dropped\.note/],
    ["a dropped table", "drop table app.gone;", "restored", /create table app\.gone/],
    ["another type", "alter table app.typed alter column size type bigint;", "restored", /alter column size type integer/],
    ["not null", "alter table app.filled alter column note set not null;", "restored", /alter column note drop not null;\n$/],
    ["another default", "alter table app.defaulted alter column note set default 'some';", "restored", /alter column note set default 'none'/],
    ["a column's other name", "alter table app.renamed rename column size to length;", "restored", /^-- Here: Loses nothing\.\nalter table app\.renamed rename column length to size;\n$/],
    ["a table's other name", "alter table app.titled rename to named;", "restored", /^-- Here: Loses nothing\.\nalter table app\.named rename to titled;\n$/],
    ["a value's other name, with signs in it", "alter type app.size rename value 'Very large (old) , . x' to 'large';", "restored", /^-- Here: Loses nothing\.\nalter type app\.size rename value 'large' to 'Very large \(old\) , \. x';\n$/],
    ["a policy that changes", "alter policy guarded_read on app.guarded using (size > 1);", "restored", /policy/],
    ["a dropped index, and another", "drop index app.indexed_note;\ncreate index indexed_size on app.indexed (size) where note is not null;", "restored", /create index indexed_note on app\.indexed \(note\)/],
    ["a constraint that is not valid yet", "alter table app.checked add constraint checked_note check (note <> '') not valid;", "restored", /drop constraint checked_note;\n$/],
    ["a dropped constraint", "alter table app.checked drop constraint checked_size_check;", "restored", /add constraint checked_size_check check \(size > 0\)/],
    ["privileges given and taken", "revoke select on table app.granted from authenticated;\ngrant insert on table app.granted to authenticated;\ngrant update (size) on table app.granted to authenticated;", "restored", /revoke insert on table app\.granted from authenticated;\ngrant select on table app\.granted to authenticated;/],
    ["a view with another query", "create or replace view app.shown as select id, note, size from app.viewed;", "restored", /view app\.shown/],
    ["a function with another body", "create or replace function app.one() returns integer language sql set search_path = '' return 2;", "restored", /create or replace function app\.one|create function app\.one/],
    ["a new function", "create function app.two() returns integer language sql set search_path = '' return 2;\nrevoke all on function app.two() from public, anon, authenticated, service_role;\ncomment on function app.two() is 'Two.';", "restored", /drop function app\.two\(\);\n$/],
    ["a trigger", "create function app.touch() returns trigger language plpgsql set search_path = '' as $$\nbegin\n    return new;\nend\n$$;\ncreate trigger touch before update on app.triggered for each row execute function app.touch();", "restored", /drop trigger touch on app\.triggered/],
    ["a comment", "comment on table app.commented is 'Other things.';", "restored", /comment on table app\.commented is 'Things\.'/],
    ["an enum", "create type app.color as enum ('red');", "restored", /drop type app\.color;\n$/],
    ["a domain with a rule", "create domain app.email as text constraint email_at check (value like '%@%');", "restored", /drop domain app\.email;\n$/],
    ["a rule for a domain that is there", "alter domain app.word add constraint word_some check (value <> '');", "restored", /alter domain app\.word drop constraint word_some;\n$/],
    ["an aggregate", "create aggregate app.total(integer) (sfunc = pg_catalog.int4pl, stype = integer, initcond = '0');", "restored", /drop aggregate app\.total\(integer\);\n$/],
    ["a function of a type in the schema that is searched", "create type public.shade as enum ('dark');\ncreate function public.darker(than public.shade) returns integer language sql set search_path = '' return 1;\nrevoke all on function public.darker(public.shade) from public, anon, authenticated, service_role;", "restored", /drop function/],
    ["a value of an enum", "alter type app.mood add value 'bored';", "restored except what is declared", /^-- not-restored: type app\.mood\n-- Here: Loses nothing\.\n-- No statement was found that undoes/],
    ["a schema", "create schema other;\ngrant usage on schema other to authenticated;", "restored", /drop schema other;\n$/],
    ["several tables whose names fill more than a line", ["first", "second", "third", "fourth"].map(which => `create table app.${which}_of_several_tables_with_a_name_that_is_long (id bigint primary key);`).join("\n"), "restored", /^-- Here: The rows of app\.first_of[^;]* are lost; a rollback/m],
    ["what fills more than a line", "drop table app.wordy;", "restored", /^comment on table app\.wordy\s+is 'It''s told at length/m],
    ["a sequence", "create sequence app.counter;", "restored", /drop sequence app\.counter;\n$/],
    ["what a role may do with tables that are made later", "alter default privileges in schema app grant select on tables to anon;\nalter default privileges in schema app grant select, insert on tables to service_role;", "restored", /^alter default privileges for role postgres in schema app revoke select on tables from anon;$/m],
    ["what a role may no longer do with tables that are made later", "alter default privileges in schema app revoke select on tables from service_role;", "restored", /^alter default privileges for role postgres in schema app grant select on tables to service_role;$/m],
    ["default privileges in a new schema", "create schema later;\nalter default privileges in schema later grant execute on functions to anon;", "restored", /^-- Here: Loses nothing\.\ndrop schema later;\n$/],
    ["what everybody may no longer do with functions that are made later", "alter default privileges revoke execute on functions from public;", "restored", /^-- Here: Loses nothing\.\nalter default privileges for role postgres grant execute on functions to public;\n$/],
    ["what a role may do with types that are made later", "alter default privileges grant usage on types to anon with grant option;", "restored", /^-- Here: Loses nothing\.\nalter default privileges for role postgres revoke usage on types from anon;\n$/],
    ["what an owner may do with schemas that are made later", "alter default privileges revoke create on schemas from postgres;", "restored", /grant create on schemas to postgres;\n$/],
    ["a membership", "grant reporting to authenticated;", "restored", /^-- Here: Loses nothing\.\nrevoke reporting from authenticated;\n$/],
    ["a membership that ends", "revoke auditing from service_role;", "restored", /^-- Here: Loses nothing\.\ngrant auditing to service_role;\n$/],
    ["a membership with more rights", "grant checking to service_role with admin option;", "restored", /^revoke checking from service_role;\ngrant checking to service_role;$/m],
];

describe("npm run propose-down", function () {
    this.timeout(900_000);

    for (const major of [15, 17] as const) {
        describe(`on PostgreSQL ${major}`, () => {
            let ground: Ground;
            const proposed = new Map<string, Migration>();
            const verdicts = new Map<string, string>();
            before(async () => {
                const first: Migration = {
                    version: "0001",
                    slug: "scene",
                    up: scene,
                    down: "drop schema app cascade;\n",
                    verify: "select 1;\n",
                };
                ground = await openGround({
                    major,
                    shape: { defaultPrivileges: "open", simulationRuns: "bare" },
                    earlier: [first],
                    say: () => {},
                });
                for (const [index, [kind, up]] of cases.entries()) {
                    const version = String(index + 2).padStart(4, "0");
                    const migration = { version, slug: "case", up: `-- Does it.\n${up}\n`, down: "", verify: "" };
                    const { down, verify } = await propose(ground, migration);
                    proposed.set(kind, { ...migration, slug: `case_${version}`, down, verify });
                }
                // By the runner's own proof, one after the other.
                const { up } = await rehearseOnce({
                    environment: ground.environment,
                    pending: [...proposed.values()],
                    toRollBack: [],
                });
                for (const [index, [kind]] of cases.entries()) {
                    const { failure, reversal } = up[index] ?? {};
                    const differs = reversal?.differs.map(({ key }) => key).join(", ");
                    verdicts.set(
                        kind,
                        failure?.message ??
                            reversal?.failure?.message ??
                            `${reversal?.verdict}${differs ? `: ${differs}` : ""}`,
                    );
                }
            });
            after(() => ground.end());

            for (const [kind, , verdict, down] of cases) {
                it(`undoes ${kind}`, async () => {
                    const migration = proposed.get(kind);
                    assert.ok(migration);
                    assert.equal(verdicts.get(kind), verdict, migration.down);
                    assert.match(migration.down, down);
                    readDownDirectives(migration.down, "down.sql");
                    // A person has to write two sentences: that alone is left to do.
                    const breaches = await breachesOf(migration, () => true);
                    const left = breaches
                        .filter(({ part }) => part !== "up")
                        .map(({ part, code, words }) => `${part} ${code} ${words}`);
                    assert.deepEqual(
                        left.filter(each => !each.includes("no-sentence")),
                        [],
                        migration.down + migration.verify,
                    );
                    assert.equal(left.length, 2);
                });
            }
        });
    }

    describe("the command", () => {
        let folder: string;
        const file = (part: string) => join(folder, "sql/0001_notes", `${part}.sql`);
        beforeEach(async () => {
            folder = await mkdtemp(join(tmpdir(), "simulation-db-propose-"));
            await mkdir(join(folder, "sql"));
            await makeNew(join(folder, "sql"), "notes");
        });
        afterEach(() => rm(folder, { recursive: true, force: true }));

        async function run(...args: string[]): Promise<{ code: number; output: string }> {
            const { PATH, HOME } = process.env;
            try {
                const { stdout, stderr } = await promisify(execFile)(
                    process.execPath,
                    [join(root, "authoring/main.ts"), "propose-down", ...args],
                    { cwd: folder, env: { PATH, HOME } },
                );
                return { code: 0, output: stdout + stderr };
            } catch (error) {
                const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
                return { code, output: stdout + stderr };
            }
        }

        it("fills the drafts, proves them, and leaves to a person what a machine cannot say", async () => {
            await writeFile(
                file("up"),
                "-- Keeps notes.\ncreate schema notes;\ncomment on schema notes is 'Notes.';\n",
            );
            const { code, output } = await run();
            assert.equal(code, 0, output);
            assert.equal(await readFile(file("down"), "utf8"), "-- Here: Loses nothing.\ndrop schema notes;\n");
            assert.match(await readFile(file("verify"), "utf8"), /to_regnamespace\('notes'\) is not null/);
            assert.match(output, /back: down restores the catalog exactly/);
            assert.match(output, /down\.sql:1: the first comment still begins with "Here:"/);
        });

        it("overwrites nothing that is written without --force", async () => {
            await writeFile(file("up"), "-- Keeps notes.\ncreate schema notes;\n");
            const mine = "-- Loses nothing.\ndrop schema notes restrict;\n";
            await writeFile(file("down"), mine);
            const first = await run("notes");
            assert.equal(first.code, 0, first.output);
            assert.equal(await readFile(file("down"), "utf8"), mine);
            const second = await run("notes");
            assert.equal(second.code, 1);
            assert.match(second.output, /are written already/);
            await run("notes", "--force");
            assert.equal(await readFile(file("down"), "utf8"), "-- Here: Loses nothing.\ndrop schema notes;\n");
        });

        it("fails where the way back could not be tried", async () => {
            await writeFile(file("up"), "-- Keeps notes.\ncreate schema notes;\n");
            const raise = "raise exception 'no room' using errcode = '53100'";
            await writeFile(file("down"), `-- Loses nothing.\ndo $$\nbegin\n    ${raise};\nend\n$$;\n`);
            const { code, output } = await run();
            assert.match(output, /\[down-not-verified,/);
            assert.equal(code, 1);
        });

        it("asks whether a column that goes and one that comes are one, and says what stays lost", async () => {
            await writeFile(
                file("up"),
                "-- Renames it in the wrong way.\nalter table public.organizations drop column name;\nalter table public.organizations add column title text not null default '';\n",
            );
            const { output } = await run();
            assert.match(
                output,
                /mind: public\.organizations\.name goes with its values, and title of the same type comes/,
            );
            assert.match(
                await readFile(file("down"), "utf8"),
                /What up took stays lost: column public\.organizations\.name/,
            );
        });

        it("says of a column that comes back not null and empty that its rollback fails on rows", async () => {
            await writeFile(file("up"), "-- Takes names away.\nalter table public.organizations drop column name;\n");
            const words =
                "mind: public.organizations.name comes back not null and without a value: the rollback of a table with rows would fail; add it without not null, fill it, then set not null";
            assert.ok((await run()).output.includes(words));
            await writeFile(
                file("up"),
                "-- Takes times away.\nalter table public.organizations drop column created_at;\n",
            );
            assert.doesNotMatch((await run("notes", "--force")).output, /mind: /);
        });

        it("proposes no line that is longer than a line may be", async () => {
            const name = "organization_members_joined_after_the_organization_was_founded";
            await writeFile(
                file("up"),
                `-- Keeps time straight.\nalter table public.organization_members\n    add constraint ${name} check (joined_at > '2000-01-01') not valid;\n`,
            );
            const { output } = await run();
            assert.match(await readFile(file("verify"), "utf8"), new RegExp(name));
            assert.doesNotMatch(output, /long-line/);
        });

        it("says where PostgreSQL refuses up, and writes nothing", async () => {
            await writeFile(file("up"), "-- Keeps notes.\n\ncreate table nowhere.notes (id bigint);\n");
            const before = await readFile(file("down"), "utf8");
            const { code, output } = await run();
            assert.equal(code, 1);
            assert.match(output, /^sql\/0001_notes\/up\.sql:3: schema "nowhere" does not exist/m);
            assert.equal(await readFile(file("down"), "utf8"), before);
        });

        it("proposes to drop beside the traffic what was built beside it", async () => {
            await writeFile(
                file("up"),
                "-- transaction: none\n-- Finds organizations by name.\ncreate index concurrently organizations_name on public.organizations (name);\n",
            );
            const { code, output } = await run();
            assert.equal(code, 0, output);
            assert.match(
                await readFile(file("down"), "utf8"),
                /^drop index concurrently public\.organizations_name;$/m,
            );
        });
    });
});
