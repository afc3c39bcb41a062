import assert from "node:assert/strict";
import { findingsByText, findingsOf } from "../../preview/findings/findings.ts";
import { unreadFindings } from "../../preview/findings/unread.ts";
import { type GateSettings, judge } from "../../preview/gates.ts";
import type { Trial } from "../../preview/trial/observation.ts";
import type { Migration } from "../../runner/migration/migration.ts";
import { onlyTrial, rehearsePending } from "../shadow/ground.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { ground } from "./ground.ts";
import { settings, type TrialGround, trialGround } from "./trialGround.ts";

const usual: GateSettings = { gates: "default", requireVerified: false, drift: "warn" };

describe("the gates", function () {
    this.timeout(120_000);
    let cluster: TestCluster;
    let target: TrialGround;
    before(async () => {
        cluster = await testCluster({ major: 17 });
        target = await trialGround(cluster, ground);
    });
    after(async () => {
        await target?.remove();
        await cluster?.stop();
    });

    /** `code gate` of each finding. */
    async function verdicts(
        up: string,
        own: Partial<GateSettings> = {},
        maxLockMs = settings.maxLockMs,
    ): Promise<string[]> {
        const { findings, scene } = await target.tell(up, { maxLockMs });
        return judge(findings, scene, { ...usual, ...own }).map(({ code, verdict }) => `${code} ${verdict.gate}`);
    }

    for (const [kind, code, sql] of [
        ["destructive", "table-lost", "drop table private.secrets"],
        ["insecure", "rls-off", "alter table public.runs disable row level security"],
    ] as const) {
        it(`stop what is ${kind}, unless the migration allows it with a reason`, async () => {
            assert.deepEqual(await verdicts(sql), [`${code} stopped`]);
            assert.deepEqual(await verdicts(`-- allow-${kind}: it was agreed\n${sql}`), [`${code} allowed`]);
        });

        it(`open for no directive where they are strict: ${kind}`, async () => {
            assert.deepEqual(await verdicts(`-- allow-${kind}: it was agreed\n${sql}`, { gates: "strict" }), [
                `${code} stopped`,
            ]);
        });
    }

    it("stop a lock that is held for longer than the stack allows, and only then", async () => {
        const sql = "create index runs_size_index on public.runs (size)";
        assert.deepEqual(await verdicts(sql), ["index-built-under-lock open"]);
        assert.deepEqual(await verdicts(sql, {}, 0), ["index-built-under-lock stopped"]);
        assert.deepEqual(await verdicts(`-- allow-blocking: at night\n${sql}`, {}, 0), [
            "index-built-under-lock allowed",
        ]);
    });

    it("name no work where the lock alone is held for longer", async () => {
        const { findings } = await target.tell("alter table public.people add column more text", { maxLockMs: 0 });
        assert.deepEqual(
            findings.map(({ code, words }) => `${code} ${words.split(",")[0]}`),
            ["lock-held reads and writes wait a moment"],
        );
    });

    it("stop work on rows while a lock keeps traffic away, on the same table or on another", async () => {
        const rows = "update public.runs set status = 'x' where status is null";
        assert.deepEqual(await verdicts(`alter table public.runs add column more text; ${rows}`, {}, 0), [
            "rows-changed-under-lock stopped",
        ]);
        assert.deepEqual(await verdicts(`alter table public.people add column more text; ${rows}`, {}, 0), [
            "lock-held stopped",
        ]);
        assert.deepEqual(await verdicts(`alter table public.people add column more text; ${rows}`), []);
        const through = "update public.run_titles set title = 'x' where title is null";
        assert.deepEqual(await verdicts(`alter table public.runs add column more text; ${through}`, {}, 0), [
            "rows-changed-under-lock stopped",
        ]);
    });

    it("stop a copy of rows while a lock keeps traffic away from where they come from", async () => {
        const held = "alter table public.runs add column more text";
        for (const copy of [
            "insert into private.secrets select id + 1, title from public.runs",
            "with r as (select id from public.runs) insert into private.secrets (id) select id + 1 from r",
            "insert into private.secrets (id) select 2 union select id + 2 from public.runs",
            "create table private.kept as select * from public.runs",
            "select * into private.kept from public.runs",
        ]) {
            const told = await verdicts(`${held}; ${copy}`, {}, 0);
            assert.deepEqual(told, ["rows-changed-under-lock stopped"], copy);
        }
        const none = `${held}; create table private.kept as select * from public.runs with no data`;
        assert.deepEqual((await target.tell(none)).locks[0]?.work, []);
        assert.deepEqual(await verdicts(`${held}; insert into private.secrets values (2, 'x')`), []);
    });

    it("know that reads wait as well while an index that is there is built again", async () => {
        const waiting = async (sql: string) =>
            (await target.tell(sql)).locks.map(({ relation, stops, earlier }) => [relation, stops, earlier]);
        assert.deepEqual(await waiting("reindex table public.runs"), [["public.runs", "reads and writes", undefined]]);
        assert.deepEqual(await waiting("reindex index public.runs_title"), [
            ["public.runs", "reads and writes", undefined],
        ]);
        assert.deepEqual(await waiting("create index on public.runs (size)"), [["public.runs", "writes", undefined]]);
        const { locks } = await target.tell("reindex index public.runs_title");
        assert.deepEqual(
            locks.flatMap(({ work }) => work.map(({ kind, table }) => [kind, table])),
            [["index build", "public.runs"]],
        );
    });

    it("one directive opens one gate", async () => {
        const sql =
            "-- allow-insecure: it was agreed\nalter table public.runs disable row level security; truncate private.secrets";
        assert.deepEqual((await verdicts(sql)).sort(), ["rls-off allowed", "table-emptied stopped"]);
    });

    it("stop an enum's new value unless the way back is given up", async () => {
        const sql = "alter type public.mood add value 'glad'";
        assert.deepEqual(await verdicts(sql), ["enum-value-added stopped"]);
        assert.deepEqual(await verdicts(`-- irreversible: nobody minds\n${sql}`), [
            "enum-value-added open",
            "declared-irreversible open",
        ]);
    });

    it("name an allow that allows nothing", async () => {
        assert.deepEqual(await verdicts("-- allow-destructive: who knows\nselect 1"), ["unneeded-allow open"]);
    });

    it("stop a migration that PostgreSQL refuses, whatever it allows itself", async () => {
        const sql = "-- allow-destructive: x\nalter table public.runs drop column missing";
        assert.ok((await verdicts(sql)).includes("migration-fails stopped"));
    });

    it("do not stop a rollback for what it takes away: it is the way out", async () => {
        const { findings, scene } = await target.tell("drop table private.secrets");
        const judged = judge(findings, { ...scene, trial: { part: "down" } }, { ...usual, gates: "strict" });
        assert.deepEqual(
            judged.map(({ code, verdict }) => `${code} ${verdict.gate}`),
            ["table-lost open"],
        );
    });

    describe("with the way back and the advisors of a whole rehearsal", () => {
        let project: SqlProject;
        before(async () => {
            project = await sqlProject(cluster);
            await project.client.query(`
                create type public.mood as enum ('sad', 'ok');
                create table public.notes (id bigint primary key, mood public.mood);
                create table public.guarded (id bigint primary key);
                alter table public.guarded enable row level security;
                grant select on public.notes, public.guarded to authenticated`);
        });
        after(() => project?.remove());

        async function rehearsed(up: string, down: string): Promise<string[]> {
            const rehearsal = await rehearsePending(project, { "0001_case": { up, down, verify: "select 1;" } });
            const migration: Migration = { version: "0001", slug: "case", up, down, verify: "select 1;" };
            const { findings, scene } = await findingsOf(migration, onlyTrial(rehearsal), rehearsal.look, settings);
            return judge(findings, scene, usual).map(
                ({ code, object, verdict }) => `${code} ${object} ${verdict.gate}`,
            );
        }

        it("let the values of an enum change where down takes them back", async () => {
            const rename = (from: string, to: string) => `alter type public.mood rename value '${from}' to '${to}';`;
            assert.deepEqual(await rehearsed(rename("sad", "low"), rename("low", "sad")), []);
            assert.deepEqual(await rehearsed(rename("sad", "low"), "select 1;"), [
                "down-differs type public.mood stopped",
            ]);
            const anew = (...labels: string[]) => `
                create type public.mood_new as enum (${labels.map(label => `'${label}'`).join(", ")});
                alter table public.notes alter column mood type public.mood_new using mood::text::public.mood_new;
                drop type public.mood;
                alter type public.mood_new rename to mood;`;
            assert.deepEqual(await rehearsed(anew("sad", "ok", "glad"), anew("sad", "ok")), [
                "table-rewritten public.notes open",
            ]);
        });

        it("stop an enum's new value unless down declares that it stays", async () => {
            const up = "alter type public.mood add value 'glad';";
            assert.deepEqual(await rehearsed(up, "select 1;"), ["enum-value-added type public.mood stopped"]);
            assert.deepEqual(await rehearsed(up, "-- not-restored: type public.mood\nselect 1;"), [
                "enum-value-added type public.mood open",
            ]);
        });

        it("leave out what the advisors say of a view where it is said already, and only there", async () => {
            const view = (table: string) => `create view public.${table}_ids as select id from public.${table};
                grant select on public.${table}_ids to authenticated;`;
            const gone = "drop view public.guarded_ids, public.notes_ids;";
            assert.deepEqual(await rehearsed(view("guarded") + view("notes"), gone), [
                "view-past-rls public.guarded_ids stopped",
                "advisor-says notes_ids open",
            ]);
        });
    });

    describe("without a shadow", () => {
        async function byText(up: string, own: Partial<GateSettings> = {}): Promise<string[]> {
            const migration = { version: "0001", slug: "case", up, down: "", verify: "" };
            const { findings, scene } = await findingsByText(migration, target.look, settings, "there is none");
            return judge(findings, scene, { ...usual, ...own }).map(
                ({ code, object, verdict }) => `${code} ${object} ${verdict.gate}`,
            );
        }
        const unverified = "not-verified sql/0001_case/up.sql open";

        for (const [sql, found] of [
            ["drop table private.secrets", ["table-lost private.secrets stopped"]],
            ["drop schema private cascade", ["table-lost private.secrets stopped"]],
            ["alter table public.people drop column name", ["column-lost public.people.name stopped"]],
            ['alter table public.words drop column "ownerName"', ['column-lost public.words."ownerName" stopped']],
            ["truncate private.secrets", ["table-emptied private.secrets stopped"]],
            ["delete from private.secrets", ["rows-deleted private.secrets stopped"]],
            ["alter table public.runs disable row level security", ["rls-off public.runs stopped"]],
            ["drop policy runs_read on public.runs", ["policy-dropped policy runs_read on public.runs stopped"]],
            ["grant select on public.people to anon", ["grant-to-anon anon stopped"]],
            ["grant execute on function private.purge() to anon", []],
            ["create table public.notes (id bigint)", ["rls-missing public.notes stopped"]],
            ["create index on public.runs (size)", ["index-built-under-lock public.runs open"]],
            ["do $$ begin execute 'drop table private.secrets'; end $$", ["opaque DO block open"]],
            ["create table public.notes (id bigint); alter table public.notes enable row level security", []],
        ] as const) {
            it(`what the text tells is said, and that it was not verified: ${sql}`, async () => {
                assert.deepEqual((await byText(sql)).sort(), [unverified, ...found].sort());
            });
        }

        it("nothing is applied where the stack wants a proof", async () => {
            assert.deepEqual(await byText("select 1", { requireVerified: true }), [
                unverified.replace("open", "stopped"),
            ]);
        });
    });

    it("stop what nobody has read where only what is proven may run, and there alone", () => {
        const migration = {
            version: "0001",
            slug: "case",
            up: "-- Notes.\nselect 1;\n",
            down: "-- not-restored: x\n-- Here: Loses nothing.\nselect 1;\n",
            verify: "-- Looks at nothing.\nselect 1;\n",
        };
        const trial = { part: "up" } as Trial;
        const scene = { migration, directives: { transactional: true }, trial };
        const verdicts = (own: Partial<GateSettings>, files = migration) =>
            judge(unreadFindings({ migration: files, trial }), scene, { ...usual, ...own }).map(
                ({ object, verdict }) => `${object} ${verdict.gate}`,
            );
        assert.deepEqual(verdicts({}), ["sql/0001_case/down.sql open"]);
        assert.deepEqual(verdicts({ requireVerified: true }), ["sql/0001_case/down.sql stopped"]);
        const read = { ...migration, down: migration.down.replace("Here: ", "") };
        assert.deepEqual(verdicts({ requireVerified: true }, read), []);
    });
});
