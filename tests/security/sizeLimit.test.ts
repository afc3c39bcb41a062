import assert from "node:assert/strict";
import { ada, forbidden, scene } from "../sql/scene.ts";
import { bucketSettings, makeProject, type Project } from "./project.ts";

const limits = { before: bucketSettings.maxBytes, lower: 1000, higher: 60_000_000 };

/** More bytes than a form has around a file. */
const framing = 500;

for (const major of [15, 17] as const) {
    describe(`the size limit of datasets, changed later (PostgreSQL ${major})`, function () {
        this.timeout(120_000);
        let project: Project;
        before(async () => {
            project = await makeProject(major);
            await add("old.csv", 5000);
            assert.equal((await upload("old.csv", 5000)).error, null);
        });
        after(() => project?.stop());

        /** As the stack does when datasetMaxBytes is another one. */
        const setLimit = async (maxBytes: number) => {
            const { code, output } = await project.run("bucket put", {
                stdin: JSON.stringify({ ...bucketSettings, maxBytes }),
            });
            assert.equal(code, 0, output);
        };
        /** The limit is not for the owner of the table. */
        const asService = async (sql: string, values: unknown[] = []) => {
            await project.target.admin.query("set role service_role");
            try {
                return await project.target.admin.query(sql, values);
            } finally {
                await project.target.admin.query("reset role");
            }
        };
        const add = (name: string, bytes: number) =>
            asService(
                "insert into public.datasets (owner_id, name, file_path, file_type, file_size) values ($1, $2, $3, 'csv', $4)",
                [ada.sub, name, `${ada.sub}/${name}`, bytes],
            );
        const upload = async (name: string, bytes: number) =>
            (await project.target.storageAs(ada.sub))
                .from(bucketSettings.name)
                .upload(`${ada.sub}/${name}`, new Blob(["x".repeat(bytes)], { type: "text/csv" }));
        /** What the storage policies say of a file of so many bytes. */
        const fits = async (bytes: number) => {
            const { rows } = await project.target.admin.query<{ fits: boolean }>(
                "select simulation_private.fits_dataset_bucket(jsonb_build_object('size', $1::bigint)) as fits",
                [bytes],
            );
            return rows[0]?.fits;
        };
        const tooLarge = { code: "23514", constraint: "datasets_file_size_within_limit" };
        const bucketLimit = async () => {
            const { rows } = await project.target.admin.query<{ bytes: string }>(
                "select file_size_limit as bytes from storage.buckets where id = $1",
                [bucketSettings.name],
            );
            return Number(rows[0]?.bytes);
        };

        it("lowered, binds bucket, table and policies at once, and old rows can be changed, old files read and deleted, not moved", async () => {
            await setLimit(limits.lower);
            assert.equal(await bucketLimit(), limits.lower);
            assert.equal(await fits(limits.lower), true);
            assert.equal(await fits(limits.lower + 1), false);
            await add("at-the-limit.csv", limits.lower);
            await assert.rejects(add("above.csv", limits.lower + 1), tooLarge);
            // Before an upload the policies see the size of the request, which is somewhat more than the file's.
            assert.equal((await upload("at-the-limit.csv", limits.lower - framing)).error, null);
            assert.ok((await upload("above.csv", limits.lower + 1)).error);

            const rename = "update public.datasets set name = 'renamed' where file_path like '%/old.csv'";
            assert.equal((await asService(rename)).rowCount, 1);
            const grow = "update public.datasets set file_size = 5001 where file_path like '%/old.csv'";
            await assert.rejects(asService(grow), tooLarge);
            // As Storage does it for the user: the stand-in's Storage moves nothing.
            await scene(project.target, async say => {
                const move = (name: string) =>
                    say(ada, "update storage.objects set name = $1 where name = $2", [
                        `${ada.sub}/moved.csv`,
                        `${ada.sub}/${name}`,
                    ]);
                await assert.rejects(move("old.csv"), forbidden);
                assert.equal((await move("at-the-limit.csv")).rowCount, 1);
            });
            const files = (await project.target.storageAs(ada.sub)).from(bucketSettings.name);
            assert.equal((await files.download(`${ada.sub}/old.csv`)).data?.size, 5000);
            assert.equal((await files.remove([`${ada.sub}/old.csv`])).data?.length, 1);
        });

        it("raised again, lets in what was refused, and leaves no difference to be found", async () => {
            await setLimit(limits.higher);
            assert.equal(await bucketLimit(), limits.higher);
            assert.equal(await fits(limits.before + 1), true);
            await add("above.csv", limits.before + 1);
            await assert.rejects(add("far-above.csv", limits.higher + 1), tooLarge);
            assert.equal((await upload("above.csv", limits.lower + 1)).error, null);
            const { stdout } = await project.run("audit");
            assert.match(stdout, /^none {4}settings of the bucket datasets that are not the stack's$/m);
        });

        it("is refused where it is no size, and the former one stays", async () => {
            const { code } = await project.run("bucket put", {
                stdin: JSON.stringify({ ...bucketSettings, maxBytes: -1 }),
            });
            assert.notEqual(code, 0);
            assert.equal(await fits(limits.higher + 1), false);
        });
    });
}
