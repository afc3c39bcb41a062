import assert from "node:assert/strict";
import { findingsByText } from "../../preview/findings/findings.ts";
import { unreadFindings } from "../../preview/findings/unread.ts";
import { type GateSettings, judge } from "../../preview/gates.ts";
import type { Trial } from "../../preview/trial/observation.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
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
