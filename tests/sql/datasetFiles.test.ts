import assert from "node:assert/strict";
import { type Ground, makeGround, opposites, titleOf } from "./ground.ts";
import {
    type Actor,
    ada,
    alan,
    anon,
    authAdmin,
    forbidden,
    postgres,
    reader,
    refusal,
    type Say,
    scene,
    serviceRole,
    uploadService,
} from "./scene.ts";

for (const kind of opposites) {
    describe(`files of datasets (${titleOf(kind)})`, function () {
        this.timeout(120_000);
        let ground: Ground;
        before(async () => {
            ground = await makeGround(kind);
            await ground.up();
            await ground.postgres.query(
                "insert into storage.buckets (id, name) values ('datasets', 'datasets'), ('avatars', 'avatars')",
            );
        });
        after(() => ground?.stop());

        // What the Storage server does in the name of a caller.
        const upload = (say: Say, actor: Actor, name: string, bucket = "datasets") =>
            say(actor, "insert into storage.objects (bucket_id, name, owner_id) values ($1, $2, $3)", [
                bucket,
                name,
                actor.sub,
            ]);
        const move = (say: Say, actor: Actor, to: string, bucket = "datasets") =>
            say(actor, "update storage.objects set name = $1, bucket_id = $2", [to, bucket]);
        const count = async (say: Say, actor: Actor) => (await say(actor, "select from storage.objects")).rowCount;
        const remove = async (say: Say, actor: Actor) => {
            await say(postgres, "select set_config('storage.allow_delete_query', 'true', true)");
            return (await say(actor, "delete from storage.objects")).rowCount;
        };
        const own = `${ada.sub}/loans.csv`;

        it("the owner uploads, reads, moves and deletes in the own folder", () =>
            scene(ground, async say => {
                await upload(say, ada, own);
                assert.equal(await count(say, ada), 1);
                assert.equal((await move(say, ada, `${ada.sub}/2025/Loans.PARQUET`)).rowCount, 1);
                assert.equal(await remove(say, ada), 1);
            }));

        it("a stranger neither reads nor moves nor deletes them", () =>
            scene(ground, async say => {
                await upload(say, ada, own);
                assert.equal(await count(say, alan), 0);
                assert.equal((await move(say, alan, `${alan.sub}/loans.csv`)).rowCount, 0);
                assert.equal(await remove(say, alan), 0);
                assert.equal(await count(say, ada), 1);
            }));

        it("a user whose account is gone reaches the folder while a token lasts, and adds no dataset", () =>
            scene(ground, async say => {
                await upload(say, ada, own);
                await say(authAdmin, "delete from auth.users where id = $1", [ada.sub]);
                assert.equal(await count(say, ada), 1);
                const add =
                    "insert into public.datasets (owner_id, name, file_path, file_type) values ($1, 'Loans', $2, 'csv')";
                await assert.rejects(say(ada, add, [ada.sub, own]), refusal("23503", "datasets_owner_id_fkey"));
            }));

        it("anon neither sees nor uploads a file", () =>
            scene(ground, async say => {
                await upload(say, ada, own);
                assert.equal(await count(say, anon), 0);
                await assert.rejects(upload(say, anon, own), forbidden);
                assert.equal((await move(say, anon, "x.csv")).rowCount, 0);
                assert.equal(await remove(say, anon), 0);
            }));

        it("the database roles of the services do not reach Storage: files go through its API", () =>
            scene(ground, async say => {
                for (const service of [uploadService, reader]) {
                    await assert.rejects(say(service, "select from storage.objects"), forbidden);
                }
            }));

        it("service_role reaches every folder", () =>
            scene(ground, async say => {
                await upload(say, serviceRole, own);
                assert.equal(await count(say, serviceRole), 1);
                assert.equal(await remove(say, serviceRole), 1);
            }));

        for (const [what, name] of [
            ["another user's folder", `${alan.sub}/loans.csv`],
            ["no folder", "loans.csv"],
            ["a folder above the own one", `x/${ada.sub}/loans.csv`],
            ["another extension", `${ada.sub}/loans.exe`],
            ["no extension", `${ada.sub}/loans`],
            ["nothing before the extension", `${ada.sub}/.csv`],
            ["a way up", `${ada.sub}/../${alan.sub}/loans.csv`],
            ["a double slash", `${ada.sub}//loans.csv`],
            ["a backslash", `${ada.sub}/..\\loans.csv`],
            ["a control character", `${ada.sub}/loans\u0001.csv`],
            ["a mark without a width", `${ada.sub}/lo\u200bans.csv`],
        ] as const) {
            it(`a name with ${what} is refused for upload and for moving`, () =>
                scene(ground, async say => {
                    await assert.rejects(upload(say, ada, name), forbidden);
                    await upload(say, ada, own);
                    await assert.rejects(move(say, ada, name), forbidden);
                }));
        }

        it("a file that is larger than the limit, before or after its upload, or of no size, is refused", () =>
            scene(ground, async say => {
                const described = (metadata: string | null) =>
                    say(ada, "insert into storage.objects (bucket_id, name, metadata) values ('datasets', $1, $2)", [
                        own,
                        metadata,
                    ]);
                const limit = 52_428_800;
                const rename = "update storage.objects set name = $1 where name = $2";
                for (const key of ["size", "contentLength"]) {
                    for (const bytes of [limit + 1, String(limit + 1), "1e30", -1, "much", "9".repeat(40)])
                        await assert.rejects(described(JSON.stringify({ [key]: bytes })), forbidden, String(bytes));
                    await described(JSON.stringify({ [key]: limit, mimetype: "text/csv" }));
                    assert.equal((await say(ada, rename, [`${ada.sub}/${key}.csv`, own])).rowCount, 1);
                    const larger = JSON.stringify({ [key]: limit + 1 });
                    await assert.rejects(say(ada, "update storage.objects set metadata = $1", [larger]), forbidden);
                }
            }));

        it("a file under another owner's name is refused", () =>
            scene(ground, async say => {
                const put = (owner: string | null) =>
                    say(ada, "insert into storage.objects (bucket_id, name, owner_id) values ('datasets', $1, $2)", [
                        own,
                        owner,
                    ]);
                await assert.rejects(put(alan.sub), forbidden);
                await put(null);
                await assert.rejects(say(ada, "update storage.objects set owner_id = $1", [alan.sub]), forbidden);
            }));

        it("the policies open no other bucket", () =>
            scene(ground, async say => {
                await assert.rejects(upload(say, ada, own, "avatars"), forbidden);
                await upload(say, serviceRole, own, "avatars");
                assert.equal(await count(say, ada), 0);
                await upload(say, ada, `${ada.sub}/other.csv`);
                await assert.rejects(move(say, ada, `${ada.sub}/moved.csv`, "avatars"), forbidden);
            }));

        it("a policy that was made for all buckets opens the others, but not this one", () =>
            scene(ground, async say => {
                await upload(say, ada, own);
                await say(
                    postgres,
                    "create policy everything on storage.objects for all to authenticated using (true) with check (true)",
                );
                assert.equal(await count(say, alan), 0);
                await assert.rejects(upload(say, alan, `${ada.sub}/planted.csv`), forbidden);
                await assert.rejects(upload(say, alan, `${alan.sub}/tool.exe`), forbidden);
                await upload(say, alan, "anything at all.exe", "avatars");
                assert.equal(await count(say, alan), 1);
            }));

        it("the setting names the bucket that the policies open", () =>
            scene(ground, async say => {
                await say(postgres, "update simulation_private.dataset_bucket set bucket_id = 'avatars'");
                await upload(say, ada, own, "avatars");
                await assert.rejects(upload(say, ada, own), forbidden);
            }));

        it("without the setting, no file is reached", () =>
            scene(ground, async say => {
                await upload(say, ada, own);
                await say(postgres, "delete from simulation_private.dataset_bucket");
                assert.equal(await count(say, ada), 0);
                await assert.rejects(upload(say, ada, `${ada.sub}/more.csv`), forbidden);
            }));
    });
}
