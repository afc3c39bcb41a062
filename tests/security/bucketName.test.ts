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
});
