import assert from "node:assert/strict";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import type { BaselineShape } from "../../local/baseline.ts";
import type { PostgresMajor } from "../../local/cluster.ts";
import { hashOf, type Migration } from "../../runner/migration/migration.ts";
import { readMigrations } from "../../runner/migration/migrationFolder.ts";
import type { Outcome } from "../support/engine.ts";
import { readHistory } from "../support/history.ts";
import { type PreviewJson, type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { appliedVersions, hasLedger, ledgerText, type Snapshot, takeSnapshot } from "./snapshot.ts";

/** Users of the baseline. */
const ada = "a0000000-0000-4000-8000-000000000001";
const grace = "a0000000-0000-4000-8000-000000000002";

/** What the role postgres logs in with from the middle of the stack's life on. */
const rotatedPassword = "rotated-while-the-stack-was-up";

/** What was seen at the stations of one stack's life. */
interface Life {
    readonly before: Snapshot;
    readonly planned: PreviewJson;
    readonly afterPreview: Snapshot;
    readonly ledgerAfterPreview: boolean;
    readonly applied: readonly string[];
    readonly afterUp: Snapshot;
    readonly secondPreview: Outcome;
    readonly secondUp: Outcome;
    readonly outputs: Record<string, unknown>;
    readonly use: { readonly owner: number; readonly other: number; readonly reader: number };
    readonly filesOfOwner: readonly string[];
    readonly filesOfOther: readonly string[];
    readonly recorded: { readonly outcome: Outcome; readonly downHash: string; readonly versions: readonly string[] };
    readonly removed: { readonly outcome: Outcome; readonly downHash: string; readonly versions: readonly string[] };
    readonly refusedDestroy: { readonly outcome: Outcome; readonly versions: readonly string[] };
    readonly destroyed: Outcome;
    readonly after: Snapshot;
    readonly history: readonly string[];
    readonly resourcesLeft: readonly string[];
    /** All that was printed, kept on disk, exported and written to the ledger. */
    readonly traces: Readonly<Record<string, string>>;
}

/** One whole life of the stack on one kind of project: its stations are passed once, then every promise is looked at. */
export function describeCycle(major: PostgresMajor, shape: BaselineShape): void {
    const title = `PostgreSQL ${major}, ${shape.defaultPrivileges} default privileges, ${shape.simulationRuns} simulation_runs`;
    describe(`the life of the stack (${title})`, function () {
        this.timeout(300_000);
        let target: StackTarget;
        let project: StackProject;
        let migrations: readonly Migration[];
        let life: Life;

        before(async () => {
            target = await stackTarget({ major, shape });
            project = await stackProject({ environment: target.environment, name: "simulation db's " });
            migrations = await readMigrations(join(project.dir, "sql"));
            life = await live(project, target, migrations);
        });
        after(async () => {
            await project?.remove();
            await target?.stop();
        });

        it("the preview shows every migration, creates only, and changes nothing on the database", () => {
            const { planned } = life;
            assert.deepEqual(Object.keys(planned.changeSummary), ["create"]);
            for (const { version } of migrations) {
                const step = planned.steps.find(({ urn }) => urn.endsWith(`::schema-${version}`));
                assert.equal(step?.op, "create", version);
            }
            assert.deepEqual(life.afterPreview, life.before);
            assert.equal(life.ledgerAfterPreview, false, "the preview must not make the ledger");
        });

        it("up applies every migration", () => {
            assert.deepEqual(
                life.applied,
                migrations.map(({ version }) => version),
            );
        });

        it("up leaves every old value of simulation_runs as it was", () => {
            const now = new Map(runsOf(life.afterUp).map(run => [run.id, run]));
            const old = runsOf(life.before);
            assert.ok(old.length > 0);
            for (const run of old) {
                const kept = Object.keys(run).map(column => [column, now.get(run.id)?.[column]]);
                assert.deepEqual(Object.fromEntries(kept), run);
            }
        });

        it("a preview straight after up shows no change, and a second up with a rotated password makes none", () => {
            for (const { code, output } of [life.secondPreview, life.secondUp]) {
                assert.equal(code, 0, output);
                assert.match(output, /Resources:\n\s+\d+ unchanged\n/);
            }
        });

        it("the outputs say which database it is, how far it came, and what there is", () => {
            const { database, newestMigration, applicationRoles, datasetBucket } = life.outputs;
            assert.match(String(database), /^\d+\/postgres$/);
            assert.equal(newestMigration, migrations.at(-1)?.version);
            assert.deepEqual(applicationRoles, ["dataset_service", "simulation_reader"]);
            assert.deepEqual(datasetBucket, { maxBytes: 52_428_800, name: "datasets", private: true });
        });

        it("what was made can be used: a user's file and dataset are the user's own, and the reader sees the row", () => {
            assert.deepEqual(life.filesOfOwner, ["runs.csv"]);
            assert.deepEqual(life.filesOfOther, []);
            assert.deepEqual(life.use, { owner: 1, other: 0, reader: 1 });
        });

        it("a changed down.sql is recorded and not run, and a renamed folder changes nothing", () => {
            const { outcome, downHash, versions } = life.recorded;
            assert.equal(outcome.code, 0, outcome.output);
            // One change: the renamed folder is none.
            assert.match(outcome.output, /Resources:\n\s+~ 1 updated\n\s+\d+ unchanged\n/);
            assert.equal(downHash, hashOf(changedDown(migrations)));
            assert.deepEqual(versions, life.applied);
        });

        it("up rolls back the newest migration when its folder is gone, with the down that was recorded last", () => {
            const { outcome, downHash, versions } = life.removed;
            assert.equal(outcome.code, 0, outcome.output);
            assert.match(outcome.output, /- 1 deleted/);
            assert.equal(downHash, hashOf(changedDown(migrations)));
            assert.deepEqual(versions, life.applied.slice(0, -1));
        });

        it("destroy is refused while the bucket holds a file: it counts them, and no migration is rolled back", () => {
            const { outcome, versions } = life.refusedDestroy;
            assert.notEqual(outcome.code, 0);
            assert.match(outcome.output, /the bucket datasets holds 1 object: it is not deleted/);
            assert.deepEqual(versions, life.applied.slice(0, -1));
        });

        it("destroy without the sql folder rolls everything back in reverse and leaves no resource", () => {
            assert.equal(life.destroyed.code, 0, life.destroyed.output);
            const versions = migrations.map(({ version }) => version);
            const newest = versions.at(-1);
            assert.deepEqual(life.history, [
                ...versions.map(version => `up ${version}`),
                `record ${newest}`,
                ...versions.toReversed().map(version => `down ${version}`),
            ]);
            assert.deepEqual(life.resourcesLeft, []);
        });

        it("after destroy the catalog, the privileges, the buckets and every old row are as they were", () => {
            assert.deepEqual(life.after, life.before);
        });

        it("no password and no key stands in what was printed, kept, exported or written to the ledger", () => {
            for (const [place, text] of Object.entries(life.traces)) {
                assert.ok(text.includes("dataset_bucket"), `${place}: the search sees what is there`);
                for (const secret of [...target.secrets, rotatedPassword])
                    assert.ok(!text.includes(secret), `${place} holds a secret`);
            }
        });
    });
}

async function live(project: StackProject, target: StackTarget, migrations: readonly Migration[]): Promise<Life> {
    const { admin } = target;
    const newest = migrations.at(-1);
    const renamed = migrations.at(4);
    assert.ok(newest && renamed);
    await project.newStack("dev", { databaseHost: "embedded", storageUrl: "embedded" });

    const before = await takeSnapshot(admin);
    const planned = await project.previewJson();
    const afterPreview = await takeSnapshot(admin);
    const ledgerAfterPreview = await hasLedger(admin);

    await project.must("up", "--yes", "--skip-preview");
    const applied = await appliedVersions(admin);
    const afterUp = await takeSnapshot(admin);
    const secondPreview = await project.preview();
    await admin.query(`alter role postgres password '${rotatedPassword}'`);
    project.environment = { ...target.environment, PGPASSWORD: rotatedPassword };
    const secondUp = await project.up();
    const outputs = await project.outputs();
    const exported = (await project.must("stack", "export", "--show-secrets")).stdout;
    const use = await useDatasets(admin);
    const files = await useBucket(target);

    const folder = (slug: string, { version }: Migration) => join(project.dir, "sql", `${version}_${slug}`);
    await rename(folder(renamed.slug, renamed), folder("another_name", renamed));
    await project.write({ [`sql/${newest.version}_${newest.slug}/down.sql`]: changedDown(migrations) });
    const recorded = {
        outcome: await project.up(),
        downHash: await lastDownHash(admin, "record"),
        versions: await appliedVersions(admin),
    };

    await rm(folder(newest.slug, newest), { recursive: true });
    const removed = {
        outcome: await project.up(),
        downHash: await lastDownHash(admin, "down"),
        versions: await appliedVersions(admin),
    };

    await rename(join(project.dir, "sql"), join(project.dir, "sql of another branch"));
    const refusedDestroy = { outcome: await project.destroy(), versions: await appliedVersions(admin) };
    const { error } = await (await target.storageAsService()).emptyBucket("datasets");
    assert.equal(error, null);
    const destroyed = await project.destroy();
    return {
        before,
        planned,
        afterPreview,
        ledgerAfterPreview,
        applied,
        afterUp,
        secondPreview,
        secondUp,
        outputs,
        use,
        ...files,
        recorded,
        removed,
        refusedDestroy,
        destroyed,
        after: await takeSnapshot(admin),
        history: await readHistory(admin),
        resourcesLeft: await project.resources(),
        traces: {
            "what was printed": project.printed,
            "what is on disk": await project.kept(),
            "the exported state": exported,
            "the ledger": await ledgerText(admin),
        },
    };
}

/** The rows of simulation_runs, by column. */
function runsOf({ rows }: Snapshot): Record<string, unknown>[] {
    return (rows["public.simulation_runs"] ?? []).map(text => JSON.parse(text) as Record<string, unknown>);
}

function changedDown(migrations: readonly Migration[]): string {
    return `${migrations.at(-1)?.down ?? ""}-- The same, with another comment.\n`;
}

/** Inserts a dataset as a signed-in user would, and counts what its owner, another user and the reader see. */
async function useDatasets(admin: pg.Client): Promise<Life["use"]> {
    const as = async <T>(user: string, work: () => Promise<T>) => {
        const claims = JSON.stringify({ sub: user, role: "authenticated" });
        await admin.query("begin; set local role authenticated");
        await admin.query("select set_config('request.jwt.claims', $1, true)", [claims]);
        const result = await work();
        await admin.query("commit");
        return result;
    };
    const count = async () =>
        (await admin.query<{ n: number }>("select count(*)::int as n from public.datasets")).rows[0]?.n ?? -1;
    await as(ada, () =>
        admin.query(
            `insert into public.datasets (owner_id, name, file_path, file_type, file_size)
             values ($1, 'Runs', $2, 'csv', 8)`,
            [ada, `${ada}/runs.csv`],
        ),
    );
    const owner = await as(ada, count);
    const other = await as(grace, count);
    await admin.query("set role simulation_reader");
    const reader = await count();
    await admin.query("reset role");
    return { owner, other, reader };
}

/** Uploads a file as a signed-in user would, and lists what its owner and another user find. */
async function useBucket(target: StackTarget): Promise<Pick<Life, "filesOfOwner" | "filesOfOther">> {
    const list = async (user: string) => {
        const { data } = await (await target.storageAs(user)).from("datasets").list(ada);
        return (data ?? []).map(({ name }) => name);
    };
    const file = new Blob(["id\n1\n2\n3\n"], { type: "text/csv" });
    const { error } = await (await target.storageAs(ada)).from("datasets").upload(`${ada}/runs.csv`, file);
    assert.equal(error, null);
    return { filesOfOwner: await list(ada), filesOfOther: await list(grace) };
}

async function lastDownHash(admin: pg.Client, action: string): Promise<string> {
    const { rows } = await admin.query<{ hash: string }>(
        "select down_hash as hash from simulation_db.history where action = $1 order by id desc limit 1",
        [action],
    );
    return rows[0]?.hash ?? "none";
}
