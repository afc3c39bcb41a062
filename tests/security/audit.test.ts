import assert from "node:assert/strict";
import type { Audit } from "../../runner/audit.ts";
import { ada, alan } from "../sql/scene.ts";
import { anonReadsNothing, makeProject, type Project } from "./project.ts";

for (const major of [15, 17] as const) {
    describe(`npm run audit (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let project: Project;
        before(async () => {
            project = await makeProject(major);
        });
        after(() => project?.stop());

        const sql = (text: string) => project.target.admin.query(text);
        const auditJson = async (options = "") => {
            const { code, stdout, output } = await project.run(`audit --json${options}`);
            assert.match(stdout, /^\{/, output);
            return { code, found: JSON.parse(stdout) as Audit };
        };
        const upload = async (name: string, text: string) => {
            const storage = await project.target.storageAs(ada.sub);
            const { error } = await storage.from("datasets").upload(name, new Blob([text], { type: "text/csv" }));
            assert.equal(error, null);
        };
        const row = (name: string, bytes: number) =>
            sql(`insert into public.datasets (owner_id, name, file_path, file_type, file_size)
                 values ('${ada.sub}', 'x', '${name}', 'csv', ${bytes})`);

        it("finds nothing where every file has its row and the bucket is as the stack made it", async () => {
            await upload(`${ada.sub}/both.csv`, "12345");
            await row(`${ada.sub}/both.csv`, 5);
            const { code, stdout, output } = await project.run("audit --grace 0");
            assert.equal(code, 0, output);
            assert.equal(stdout.match(/^none /gm)?.length, 4, stdout);
        });

        it("lists files without a row, rows without a file and rows that say another size", async () => {
            await upload(`${ada.sub}/alone.csv`, "123");
            await row(`${ada.sub}/lost.csv`, 7);
            await sql("update public.datasets set file_size = 6 where file_path like '%/both.csv'");
            const { code, found } = await auditJson(" --grace 0");
            assert.equal(code, 1);
            assert.deepEqual(
                found.filesWithoutRow.map(({ name, bytes }) => [name, bytes]),
                [[`${ada.sub}/alone.csv`, 3]],
            );
            assert.deepEqual(
                found.rowsWithoutFile.map(({ filePath, bytes }) => [filePath, bytes]),
                [[`${ada.sub}/lost.csv`, 7]],
            );
            assert.deepEqual(
                found.otherSizes.map(({ bytes, fileBytes }) => [bytes, fileBytes]),
                [[6, 5]],
            );
            const { stdout, stderr } = await project.run("audit --grace 0");
            assert.match(stdout, /^1 +files in the bucket datasets without a row/m);
            assert.match(stdout, new RegExp(`^ +${ada.sub}/alone\\.csv +3 bytes`, "m"));
            assert.match(
                stderr,
                /^The audit has 3 findings\.\n {2}→ a file without a row: .+\n {2}→ a row without a file: .+\n {2}→ a row with another size: .+\n$/,
            );
        });

        it("leaves out what is younger than the grace: an upload may be under way", async () => {
            const young = `${ada.sub}/young.csv`;
            await upload(young, "1");
            const { code, found } = await auditJson();
            assert.equal(code, 0);
            assert.deepEqual([...found.filesWithoutRow, ...found.rowsWithoutFile, ...found.otherSizes], []);
            await row(young, 1);
        });

        it("prints twenty of a kind and says how many more there are", async () => {
            await sql(`insert into public.datasets (owner_id, name, file_path, file_type)
                       select '${alan.sub}', n, '${alan.sub}/' || n || '.csv', 'csv' from generate_series(1, 25) as n`);
            const { stdout } = await project.run("audit --grace 0");
            assert.match(stdout, /^26 +rows of public\.datasets without a file/m);
            assert.match(stdout, /… and 6 more: --json prints all of them/);
        });

        for (const [what, fault, undo, says] of [
            ["public", "public = true", "public = false", /^it is public, and should be private$/],
            [
                "of another limit",
                "file_size_limit = null",
                "file_size_limit = 52428800",
                /^it takes files of any number of bytes, the table 52428800$/,
            ],
            [
                "open to other types",
                "allowed_mime_types = '{text/html}'",
                "allowed_mime_types = (select allowed_mime_types from former)",
                /^it takes text\/html, and should take /,
            ],
        ] as const) {
            it(`says that the bucket is ${what}`, async () => {
                await sql(
                    "create temp table if not exists former as select * from storage.buckets where id = 'datasets'",
                );
                await sql(`update storage.buckets set ${fault} where id = 'datasets'`);
                const { code, found } = await auditJson();
                await sql(`update storage.buckets set ${undo} where id = 'datasets'`);
                assert.equal(code, 1);
                assert.equal(found.drift.length, 1);
                assert.match(found.drift[0] ?? "", says);
            });
        }

        it("names a policy of others that opens the bucket to anon, where nothing keeps anon out any more", async () => {
            await sql("create policy everything on storage.objects for select to public using (true)");
            const { found: guarded } = await auditJson();
            assert.deepEqual(guarded.drift, []);
            await sql("drop policy dataset_files_anon_no_read on storage.objects");
            const { found } = await auditJson();
            await sql(`drop policy everything on storage.objects; ${anonReadsNothing}`);
            assert.deepEqual(found.drift, ['the policy "everything" on storage.objects opens it to public']);
        });

        it("says what is missing where nothing is applied", async () => {
            await sql("create database empty");
            const { code, stderr } = await project.run("audit", { env: { PGDATABASE: "empty" } });
            await sql("drop database empty");
            assert.equal(code, 1);
            assert.match(
                stderr,
                /^simulation_private\.dataset_bucket has no row: it is made by a migration\.\n  → where the migrations are not applied: npm run up$/m,
            );
        });
    });
}
