import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { withBackup } from "../../toolchain/chosenSteps.ts";
import { readStackFile } from "../../toolchain/stackFile.ts";
import { migrationFiles, smallPlan } from "../stack/smallPlan.ts";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { installedTools } from "./installedTools.ts";

/** A migration after those of the small plan. */
const fourthTexts = {
    up: "create table public.more (id int);\nalter table public.more enable row level security;\n",
    down: "drop table public.more;\n",
    verify: "select from public.more;\n",
};
const fourth = migrationFiles("0004_more", fourthTexts);

describe("the backups of a stack", function () {
    this.timeout(180_000);
    let target: StackTarget;
    let project: StackProject;
    before(async function () {
        if (!(await installedTools(15))) this.skip();
        target = await stackTarget({ major: 15 });
        project = await stackProject({ environment: target.environment, sql: smallPlan });
        await project.newStack("dev", {
            databaseHost: "embedded",
            storageUrl: "embedded",
            backup: "required",
            backupFolder: "kept backups",
            archive: "false",
        });
        await project.must("up", "--yes", "--skip-preview");
    });
    after(async () => {
        await project?.remove();
        await target?.stop();
    });

    const ids = async () =>
        (await readdir(join(project.dir, "kept backups"))).filter(name => name !== ".gitignore").sort();

    it("the output says which one is the last, where it is and what it holds", async () => {
        const [id = ""] = await ids();
        const { backup } = await project.outputs();
        assert.match(String(backup), new RegExp(`^backup ${id} in kept backups/${id}: \\d+ rows, [\\d.]+ kB$`));
    });

    it("a run that changes nothing makes none; each change of the plan makes one before it", async () => {
        await project.must("up", "--yes", "--skip-preview", "--expect-no-changes");
        assert.equal((await ids()).length, 1);
        await project.useSql({ ...smallPlan, ...fourth });
        await project.must("up", "--yes", "--skip-preview");
        assert.equal((await ids()).length, 2);
        await target.admin.query("insert into public.more values (1)");
        await project.useSql(smallPlan);
        await project.must("up", "--yes", "--skip-preview");
        const last = (await ids()).at(-1) ?? "";
        assert.match(String((await project.outputs()).backup), new RegExp(`^backup ${last} in`));
        assert.equal((await ids()).length, 3);
        const manifest = JSON.parse(await readFile(join(project.dir, "kept backups", last, "manifest.json"), "utf8"));
        const more = manifest.tables.find(({ table }: { table: string }) => table === "public.more");
        assert.equal(more?.rows, 1, "it was made before the rollback took the table away");
    });

    it("with archive: false a rollback keeps no row", async () => {
        await project.useSql({ ...smallPlan, ...fourth });
        await project.must("up", "--yes", "--skip-preview");
        await target.admin.query("insert into public.more values (1)");
        await project.useSql(smallPlan);
        await project.must("up", "--yes", "--skip-preview");
        const { rows } = await target.admin.query("select from simulation_db.archive");
        assert.equal(rows.length, 0);
    });

    it("a required backup that cannot be made stops the update before its first migration", async () => {
        await project.useSql({ ...smallPlan, ...fourth });
        const working = project.environment;
        project.environment = { ...working, SIMULATION_DB_POSTGRES_BIN: project.dir };
        const { code, output } = await project.up();
        project.environment = working;
        assert.notEqual(code, 0);
        assert.match(output, /pg_dump is not installed in /);
        const { rows } = await target.admin.query("select max(version) as newest from simulation_db.migration");
        assert.deepEqual(rows, [{ newest: "0003" }]);
        await project.useSql(smallPlan);
    });

    it("so it does where the update is told to take the migration alone, by npm run", async () => {
        await project.useSql({ ...smallPlan, ...fourth });
        const working = project.environment;
        project.environment = { ...working, SIMULATION_DB_POSTGRES_BIN: project.dir };
        const stack = readStackFile(project.dir, "dev");
        const { code, output } = await project.up(...withBackup(stack, ["--target", "**::schema-0004"]));
        project.environment = working;
        assert.notEqual(code, 0);
        assert.match(output, /pg_dump is not installed in /);
        const { rows } = await target.admin.query("select max(version) as newest from simulation_db.migration");
        assert.deepEqual(rows, [{ newest: "0003" }]);
        const before = (await ids()).length;
        await project.must("up", "--yes", "--skip-preview", ...withBackup(stack, ["--target", "**::schema-0004"]));
        await project.must("up", "--yes", "--skip-preview", ...withBackup(stack, ["--replace", "**::schema-0004"]));
        assert.equal((await ids()).length, before + 2, "also before it is rolled back to be applied anew");
        await project.useSql(smallPlan);
        await project.must("up", "--yes", "--skip-preview");
    });

    it("a run that goes on with what failed before makes another one: rows were written meanwhile", async () => {
        // Only rows bring the error about, so no preview sees it.
        const up = `${fourthTexts.up}select text::integer from public.notes;\n`;
        const broken = migrationFiles("0004_more", { ...fourthTexts, up });
        await target.admin.query("insert into public.notes (text) values ('no number')");
        await project.useSql({ ...smallPlan, ...broken });
        const before = (await ids()).length;
        assert.notEqual((await project.up()).code, 0);
        assert.equal((await ids()).length, before + 1);
        await target.admin.query("update public.notes set text = '1'");
        await project.must("up", "--yes", "--skip-preview");
        assert.equal((await ids()).length, before + 2);
        await project.must("up", "--yes", "--skip-preview", "--expect-no-changes");
        await project.useSql(smallPlan);
        await project.must("up", "--yes", "--skip-preview");
    });

    it("other settings count from the next run on, also when nothing else is to be done", async () => {
        await project.configure({ backupFolder: "other backups" });
        await project.must("up", "--yes", "--skip-preview");
        assert.equal(
            (await readdir(join(project.dir, "other backups"))).filter(name => name !== ".gitignore").length,
            1,
        );
        await project.configure({ backupFolder: "kept backups" });
        await project.must("up", "--yes", "--skip-preview");
    });

    it("a rollback goes by what the last up recorded: with its folder there, an up gives it the archive", async () => {
        await project.useSql({ ...smallPlan, ...fourth });
        await project.must("up", "--yes", "--skip-preview");
        await target.admin.query("insert into public.more values (1)");
        await project.configure({ archive: "true" });
        await project.useSql(smallPlan);
        const { code, output } = await project.preview();
        assert.notEqual(code, 0);
        assert.match(output, /archive is true now, but the rollback of 0004_more would still go by false/);
        await project.useSql({ ...smallPlan, ...fourth });
        await project.must("up", "--yes", "--skip-preview");
        await project.useSql(smallPlan);
        await project.must("up", "--yes", "--skip-preview");
        const { rows } = await target.admin.query("select version, rows::int from simulation_db.archive");
        assert.deepEqual(rows, [{ version: "0004", rows: 1 }]);
    });

    it("a destroy makes one more before anything is taken back", async () => {
        const before = await ids();
        await project.must("destroy", "--yes", "--skip-preview");
        const made = (await ids()).filter(id => !before.includes(id));
        assert.equal(made.length, 1);
    });
});
