import assert from "node:assert/strict";
import { ada } from "../sql/scene.ts";
import { bucketSettings, makeProject, type Project } from "./project.ts";

describe("the bucket of datasets under another name", function () {
    this.timeout(120_000);
    let project: Project;
    before(async () => {
        project = await makeProject(17);
    });
    after(() => project?.stop());

    /** As the stack does when bucketName is another one. */
    const put = (name: string) => project.run("bucket put", { stdin: JSON.stringify({ ...bucketSettings, name }) });
    const files = async () => (await project.target.storageAs(ada.sub)).from(bucketSettings.name);
    const buckets = async () => {
        const { rows } = await project.target.admin.query<{ id: string }>("select id from storage.buckets order by id");
        return rows.map(({ id }) => id);
    };

    it("is refused while the one before holds files, which stay where they can be reached", async () => {
        const path = `${ada.sub}/kept.csv`;
        await project.target.admin.query(
            "insert into public.datasets (owner_id, name, file_path, file_type, file_size) values ($1, 'kept', $2, 'csv', 1)",
            [ada.sub, path],
        );
        const uploaded = await (await files()).upload(path, new Blob(["x"], { type: "text/csv" }));
        assert.equal(uploaded.error, null);
        const { code, output } = await put("datasets-eu");
        assert.equal(code, 1);
        assert.match(output, /bucketName is datasets-eu now, and 1 object in the bucket datasets could not be reached/);
        assert.match(output, /set bucketName back to datasets/);
        assert.equal((await (await files()).download(path)).error, null);
        assert.ok(!(await buckets()).includes("datasets-eu"));
        assert.equal((await (await files()).remove([path])).error, null);
    });

    it("takes the place of an empty one, of which nothing stays", async () => {
        const { code, output } = await put("datasets-eu");
        assert.equal(code, 0, output);
        assert.ok((await buckets()).includes("datasets-eu"));
        assert.ok(!(await buckets()).includes("datasets"));
        const { rows } = await project.target.admin.query("select name from simulation_db.bucket");
        assert.deepEqual(rows, [{ name: "datasets-eu" }]);
    });

    it("takes its place with the second run where Storage could not delete it at first", async () => {
        const { admin } = project.target;
        // A bucket that somebody else's table refers to.
        await admin.query(`
            create table public.refers (bucket text references storage.buckets (id));
            insert into public.refers values ('datasets-eu')`);
        const refused = await put("datasets-us");
        assert.equal(refused.code, 1);
        assert.match(refused.output, /deleting the bucket datasets-eu failed/);
        await admin.query("drop table public.refers");
        const { code, output } = await put("datasets-us");
        assert.equal(code, 0, output);
        assert.deepEqual(await buckets(), ["datasets-us"]);
        const { rows } = await admin.query("select name from simulation_db.bucket");
        assert.deepEqual(rows, [{ name: "datasets-us" }]);
        assert.equal((await put("datasets-eu")).code, 0);
    });

    it("leaves nothing of a name that Storage kept it from, when the one before comes back", async () => {
        const { admin } = project.target;
        await admin.query(`
            create table public.refers (bucket text references storage.buckets (id));
            insert into public.refers values ('datasets-eu')`);
        assert.equal((await put("datasets-us")).code, 1);
        const { code, output } = await put("datasets-eu");
        assert.equal(code, 0, output);
        assert.deepEqual(await buckets(), ["datasets-eu"]);
        await admin.query("drop table public.refers");
    });

    it("what is in somebody else's bucket does not count, even one that has the name of the migration's default", async () => {
        const { admin } = project.target;
        await admin.query(`
            update simulation_private.dataset_bucket set bucket_id = 'theirs';
            insert into storage.buckets (id, name, public) values ('theirs', 'theirs', false);
            insert into storage.objects (bucket_id, name) values ('theirs', 'a')`);
        const { code, output } = await put("datasets-eu");
        assert.equal(code, 0, output);
        assert.ok((await buckets()).includes("theirs"));
    });

    it("what an older version of this tool has left under another name is in nobody's way", async () => {
        const { admin } = project.target;
        await admin.query(`
            insert into storage.buckets (id, name, public) values ('left', 'left', false);
            insert into storage.objects (bucket_id, name) values ('left', 'a');
            insert into simulation_db.bucket (name) values ('left')`);
        const { code, output } = await put("datasets-eu");
        assert.equal(code, 0, output);
        assert.ok((await buckets()).includes("left"));
    });

    it("is asked for by https, unless Storage is on this machine: the service key goes along", async () => {
        const { code, output } = await project.run("bucket put", {
            stdin: JSON.stringify(bucketSettings),
            env: { SUPABASE_URL: "http://storage.example.org", SUPABASE_SERVICE_ROLE_KEY: "a-key-in-clear" },
        });
        assert.equal(code, 1);
        assert.match(output, /SUPABASE_URL is http:\/\/storage\.example\.org: the service key is sent by https only/);
        assert.doesNotMatch(output, /a-key-in-clear/);
    });

    it("one that a person has deleted, and that was there before the stack, is in nobody's way", async () => {
        const { admin } = project.target;
        await admin.query(`update simulation_db.bucket set former = '{"public": true}'`);
        await admin.query(
            "set storage.allow_delete_query = 'true'; delete from storage.buckets where id = 'datasets-eu'",
        );
        const settings = JSON.stringify({ ...bucketSettings, name: "datasets-eu" });
        const { code, output } = await project.run("bucket remove", { stdin: settings });
        assert.equal(code, 0, output);
    });

    it("one that was public before the stack is not made so again while it holds files, unless a person did", async () => {
        const { admin } = project.target;
        await admin.query("insert into storage.buckets (id, name, public) values ('older', 'older', true)");
        const stdin = JSON.stringify({ ...bucketSettings, name: "older" });
        const isPublic = async () => {
            const { rows } = await admin.query<{ public: boolean }>(
                "select public from storage.buckets where id = 'older'",
            );
            return rows[0]?.public;
        };
        const taken = await project.run("bucket put", { stdin });
        assert.equal(taken.code, 0, taken.output);
        await admin.query("insert into storage.objects (bucket_id, name) values ('older', 'a')");
        const refused = await project.run("bucket remove", { stdin });
        assert.equal(refused.code, 1);
        assert.match(refused.output, /the bucket older holds 1 object: it is not made public again\./);
        assert.equal(await isPublic(), false);
        await admin.query("update storage.buckets set public = true where id = 'older'");
        const removed = await project.run("bucket remove", { stdin });
        assert.equal(removed.code, 0, removed.output);
        assert.equal(await isPublic(), true);
    });

    it("one that was public before the stack is so again after it, where it is empty", async () => {
        const { admin } = project.target;
        await admin.query("insert into storage.buckets (id, name, public) values ('empty', 'empty', true)");
        const stdin = JSON.stringify({ ...bucketSettings, name: "empty" });
        for (const command of ["bucket put", "bucket remove"]) {
            const { code, output } = await project.run(command, { stdin });
            assert.equal(code, 0, output);
        }
        const { rows } = await admin.query("select public from storage.buckets where id = 'empty'");
        assert.deepEqual(rows, [{ public: true }]);
    });
});
