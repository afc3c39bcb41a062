import assert from "node:assert/strict";
import { hashOf } from "../../runner/migration/migration.ts";
import type { Outcome } from "../support/engine.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { assertRefused } from "./refused.ts";
import { migrationFiles, type SqlFiles, smallPlan } from "./smallPlan.ts";
import { appliedVersions, type Snapshot, takeSnapshot } from "./snapshot.ts";

/** A migration that is in order. */
const sound = {
    up: "create table public.more (id uuid primary key);\nalter table public.more enable row level security;\n",
    down: "drop table public.more;\n",
    verify: "select;\n",
};

describe("a sql folder that contradicts the rules or what is applied", function () {
    this.timeout(180_000);
    let target: StackTarget;
    let project: StackProject;
    let applied: Snapshot;

    before(async () => {
        target = await stackTarget({
            major: 15,
            shape: { defaultPrivileges: "closed" },
            settings: { log_statement: "all" },
        });
        const { PGHOST, PGPORT, PGSSLMODE, SUPABASE_URL, PGUSER: _, PGDATABASE: __, ...secrets } = target.environment;
        project = await stackProject({ environment: secrets, sql: smallPlan });
        // As for a real project: the config says where, the environment holds no more than the password and the key.
        await project.newStack("shared", {
            databaseHost: PGHOST ?? "",
            databasePort: PGPORT ?? "",
            databaseSslMode: PGSSLMODE ?? "",
            storageUrl: SUPABASE_URL ?? "",
            backup: "off",
        });
        await project.must("up", "--yes", "--skip-preview");
        applied = await takeSnapshot(target.admin);
    });
    beforeEach(() => project.useSql(smallPlan));
    after(async () => {
        await project?.remove();
        await target?.stop();
    });

    /** The run fails with all of these words, and the database is as it was. */
    async function isRefused(outcome: Outcome, ...words: readonly (string | RegExp)[]): Promise<void> {
        assertRefused(outcome, ...words);
        assert.deepEqual(await takeSnapshot(target.admin), applied);
        assert.deepEqual(await appliedVersions(target.admin), ["0001", "0002", "0003"]);
    }

    /** The folder as it was: nothing of a refused run is left in the state. */
    async function goesOn(): Promise<void> {
        await project.useSql(smallPlan);
        await project.must("preview", "--expect-no-changes");
    }

    it("every fault of the files is told by one preview, each with its file", async () => {
        const files: SqlFiles = {
            ...smallPlan,
            ...migrationFiles("0004_directive", { ...sound, up: `-- lock-timout: 1s\n${sound.up}` }),
            ...migrationFiles("0005_no_down", sound),
            ...migrationFiles("0006_empty", { ...sound, up: "-- Nothing yet.\n" }),
            ...migrationFiles("0007_transaction", { ...sound, up: `begin;\n${sound.up}commit;\n` }),
            ...migrationFiles("0008_index", {
                ...sound,
                up: "create index concurrently more_id on public.notes (id);\n",
            }),
            ...migrationFiles("0010_gap", sound),
            ...migrationFiles("0010_twice", sound),
            ...migrationFiles("11_name", sound),
        };
        const { "0005_no_down/down.sql": _, ...present } = files as Record<string, string>;
        await project.useSql(present);
        await isRefused(
            await project.preview(),
            "the sql folder is not in order",
            'sql/0004_directive/up.sql:1: unknown directive "lock-timout"',
            "sql/0005_no_down/down.sql is missing",
            "sql/0006_empty/up.sql is empty",
            "sql/0007_transaction/up.sql:1: begin, commit and rollback are the runner's",
            'sql/0008_index/up.sql:1: concurrently needs the directive "-- transaction: none"',
            "version 0009 is missing",
            "version 0010 stands twice: gap and twice",
            "sql/11_name is not the name of a migration",
        );
    });

    it("an edited up.sql of an applied migration is refused at preview with both hashes, and no statement of it runs", async () => {
        const edited = `${smallPlan["0003_notes/up.sql"]}create table public.edited_afterwards (id uuid);\n`;
        const hashes = [hashOf(smallPlan["0003_notes/up.sql"] ?? ""), hashOf(edited)].map(hash => hash.slice(0, 12));
        await project.useSql({ ...smallPlan, "0003_notes/up.sql": edited });
        await isRefused(
            await project.preview(),
            "0003_notes: up.sql differs from what was applied",
            `applied ${hashes[0]}, now ${hashes[1]}`,
            "put the change into a new migration",
            "move 0003_notes out of sql, npm run up, move it back",
        );
        await isRefused(await project.up(), `applied ${hashes[0]}, now ${hashes[1]}`);
        const log = await target.cluster.log();
        assert.match(log, /simulation_db\.migration/, "the server's log shows statements");
        assert.doesNotMatch(log, /edited_afterwards/);
        await goesOn();
    });

    it("another down of an applied migration is read, though it does not run: one that cannot run is refused", async () => {
        await project.useSql({ ...smallPlan, "0003_notes/down.sql": "-- Back.\ndrop tabel public.notes;\n" });
        await isRefused(await project.preview(), 'sql/0003_notes/down.sql:2: syntax error at or near "tabel"');
        await isRefused(await project.up());
        await goesOn();
    });

    it("a migration removed from the middle is refused, also when those after it are renumbered", async () => {
        const rest = Object.entries(smallPlan).filter(([name]) => !name.startsWith("0002"));
        await project.useSql(Object.fromEntries(rest));
        await isRefused(await project.preview(), "version 0002 is missing: the next one is 0003_notes");

        const renumbered = rest.map(([name, text]) => [name.replace("0003", "0002"), text] as const);
        await project.useSql(Object.fromEntries(renumbered));
        await isRefused(
            await project.preview(),
            "0002_notes: up.sql differs from what was applied",
            "as 0002_datasets: another branch may have applied it",
        );
        await goesOn();
    });

    it("an error that a trial finds stops at preview, with PostgreSQL's words and their place", async () => {
        const files = migrationFiles("0004_wrong", {
            up: "-- Refers to nothing.\nalter table public.nowhere\n    add column id uuid;\n",
            down: "alter table public.nowhere drop column id;\n",
            verify: "select 1;\n",
        });
        await project.useSql({ ...smallPlan, ...files });
        const words = [/relation "public\.nowhere" does not\s+exist/, "sql/0004_wrong/up.sql:2"];
        await isRefused(await project.preview(), ...words);
        await goesOn();
    });

    it("an error that only rows bring about leaves nothing of the migration, names the place, and the mended text passes", async () => {
        const table =
            "create table public.half (id uuid primary key);\nalter table public.half enable row level security;";
        const up = `-- Makes half a thing.\n${table}\nalter table public.notes add column half integer;\nupdate public.notes\n    set half = text::integer;\n`;
        const files = migrationFiles("0004_half", {
            up,
            down: "alter table public.notes drop column half;\ndrop table public.half;\n",
            verify: "select id from public.half;\n",
        });
        await target.admin.query("insert into public.notes (text) values ('was here before')");
        await project.useSql({ ...smallPlan, ...files });
        const filled = await takeSnapshot(target.admin);
        assertRefused(
            await project.up(),
            /sql\/0004_half\/up\.sql:5: invalid input syntax for type integer: "was here before"/,
            "in statement 4: update public.notes",
            "SQLSTATE 22P02",
        );
        assert.deepEqual(await takeSnapshot(target.admin), filled);
        assert.equal((await project.outputs()).newestMigration, "0003", "the state remembers what is true");

        await project.useSql({
            ...smallPlan,
            ...files,
            "0004_half/up.sql": up.replace("text::integer", "length(text)"),
        });
        await project.must("up", "--yes", "--skip-preview");
        assert.deepEqual(await appliedVersions(target.admin), ["0001", "0002", "0003", "0004"]);

        await project.useSql(smallPlan);
        await project.must("up", "--yes", "--skip-preview");
        await target.admin.query("delete from public.notes");
        assert.deepEqual(await takeSnapshot(target.admin), applied);
    });
});
