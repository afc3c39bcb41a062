import assert from "node:assert/strict";
import pg from "pg";
import { type StackProject, stackProject } from "../support/stackProject.ts";
import { type StackTarget, stackTarget } from "../support/stackTarget.ts";
import { smallPlan } from "./smallPlan.ts";

const config = { databaseHost: "embedded", storageUrl: "embedded", backup: "off", drift: "stop" };

const later = {
    "0004_later/up.sql": "-- A function.\ncreate function public.later() returns integer language sql return 1;\n",
    "0004_later/down.sql": "drop function public.later();\n",
    "0004_later/verify.sql": "select public.later();\n",
};

describe("a stack that begins where migrations were applied without it", function () {
    this.timeout(240_000);
    let target: StackTarget;
    let project: StackProject;

    before(async () => {
        target = await stackTarget({ major: 15 });
        project = await stackProject({ environment: target.environment, sql: smallPlan });
        // A migration may name a role, so whoever applied it had to make that.
        const person = new pg.Client(target.cluster.connection);
        await person.connect();
        await person.query("create role dataset_service login");
        await person.end();
        const { code, output } = await project.runner("migrate up", target.environment);
        assert.equal(code, 0, output);
        await project.newStack("dev", config);
    });
    after(async () => {
        await project?.remove();
        await target?.stop();
    });

    it("that has yet to run says so of what is in no folder any more, and takes back no more than that", async () => {
        const {
            "0003_notes/up.sql": _,
            "0003_notes/down.sql": __,
            "0003_notes/verify.sql": ___,
            ...rest
        } = smallPlan as Record<string, string>;
        await project.useSql(rest);
        const warned = (await project.must("preview")).output.replaceAll(/\s+/g, " ");
        assert.match(warned, /0003_notes: applied, by no full run of this stack, .* migrate down --to 0002 /);
        await project.useSql(smallPlan);
    });

    it("takes no bucket for lost that it has yet to make, also where drift stops it", async () => {
        const preview = await project.must("preview");
        assert.doesNotMatch(preview.output, /drift/);
        const { output } = await project.must("up", "--yes", "--skip-preview");
        assert.match(output, /bucket datasets ready/);
    });

    it("takes over a role that was made for them", async () => {
        assert.ok((await project.resources()).includes("roles-dataset_service"));
        assert.match((await project.must("preview")).output, /\d+ unchanged/);
    });

    it("does not promise to roll back what was applied from a shell and is in no folder any more", async () => {
        await project.useSql({ ...smallPlan, ...later });
        assert.equal((await project.runner("migrate up", target.environment)).code, 0);
        await project.useSql(smallPlan);
        const warned = (await project.must("preview")).output.replaceAll(/\s+/g, " ");
        assert.match(warned, /0004_later: applied, by no full run of this stack, and no longer in the sql folder/);
        const [, command = ""] = /node runner\/main\.ts (migrate down --to \d+)/.exec(warned) ?? [];
        assert.equal((await project.runner(command, target.environment)).code, 0);
        assert.doesNotMatch((await project.must("preview", "--expect-no-changes")).output, /0004_later/);
    });

    it("tells a bucket that was taken away since", async () => {
        await target.admin.query("set storage.allow_delete_query = 'true'; delete from storage.buckets");
        const preview = await project.preview();
        assert.notEqual(preview.code, 0);
        assert.match(preview.output, /STOP drift[\s\S]*the bucket is missing/);
    });

    it("makes it again where drift does not stop the run", async () => {
        await project.configure({ drift: "warn" });
        await project.must("up", "--yes", "--skip-preview");
        const isPrivate = async () => {
            const { rows } = await target.admin.query("select id, public from storage.buckets");
            assert.deepEqual(rows, [{ id: "datasets", public: false }]);
        };
        await isPrivate();
        await project.must("preview", "--expect-no-changes");
        for (const attempt of [1, 2]) {
            await target.admin.query("update storage.buckets set public = true");
            await project.must("up", "--yes", "--skip-preview");
            await isPrivate().catch(error => assert.fail(`attempt ${attempt}: ${error}`));
        }
        await project.must("preview", "--expect-no-changes");
    });

    it("goes on after a repair that took a migration back, in both ways that it names, with its state as it is", async () => {
        const revert = async () => {
            await target.admin.query("drop function public.later()");
            const { code, output } = await project.runner("repair reverted 0004 --reason=by-hand", target.environment);
            assert.equal(code, 0, output);
            assert.match(
                output,
                /node runner\/main\.ts migrate up applies it again, .* or remove its folder, and npm run up/,
            );
        };
        await project.useSql({ ...smallPlan, ...later });
        await project.must("up", "--yes", "--skip-preview");
        await revert();
        assert.equal((await project.runner("migrate up", target.environment)).code, 0);
        await project.must("up", "--yes", "--skip-preview", "--expect-no-changes");
        await revert();
        await project.useSql(smallPlan);
        await project.must("up", "--yes", "--skip-preview");
        assert.ok(!(await project.resources()).includes("schema-0004"));
        await project.must("preview", "--expect-no-changes");
    });
});
