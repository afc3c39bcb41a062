import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import http from "node:http";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createClient } from "@supabase/supabase-js";
import { SignJWT } from "jose";
import pg from "pg";
import { type RunningStorage, startStorage } from "../../local/storage/server.ts";
import { signToken } from "../../local/storage/token.ts";
import { UserError } from "../../runner/userError.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";

const secret = "a secret of at least thirty-two characters";
const ada = randomUUID();
const bob = randomUUID();

// What a project would have: a folder per user. Buckets named frozen-… have no update policy, seen-… can be seen.
const policies = `
    create policy test_read on storage.objects for select to authenticated
        using ((storage.foldername(name))[1] = (select auth.uid())::text);
    create policy test_write on storage.objects for insert to authenticated
        with check ((storage.foldername(name))[1] = (select auth.uid())::text);
    create policy test_change on storage.objects for update to authenticated
        using (bucket_id not like 'frozen-%' and (storage.foldername(name))[1] = (select auth.uid())::text);
    create policy test_remove on storage.objects for delete to authenticated
        using (name not like '%.keep' and (storage.foldername(name))[1] = (select auth.uid())::text);
    create policy test_drop_box on storage.objects for insert to anon
        with check (bucket_id like 'drop-box-%' and storage.operation() = 'storage.object.upload'
                    and metadata ->> 'mimetype' = 'text/csv' and (metadata ->> 'contentLength')::int < 100);
    create policy test_see on storage.buckets for select to authenticated using (name like 'seen-%');`;

describe("the local Storage endpoint", function () {
    this.timeout(180_000);
    let cluster: TestCluster;
    let storage: RunningStorage;
    let filesDir: string;
    let buckets = 0;

    before(async () => {
        cluster = await testCluster({ major: 15 });
        const admin = new pg.Client(cluster.adminUrl());
        await admin.connect();
        await admin.query(policies);
        await admin.end();
        filesDir = await mkdtemp(join(tmpdir(), "storage-"));
        storage = await startStorage({ database: cluster.connection, jwtSecret: secret, filesDir });
    });

    after(async () => {
        await storage?.close();
        await cluster?.stop();
        if (filesDir) await rm(filesDir, { recursive: true, force: true });
    });

    const as = (token: string) =>
        createClient(storage.url, token, { auth: { persistSession: false, autoRefreshToken: false } }).storage;
    const asService = async () => as(await signToken(secret, { role: "service_role" }));
    const asAnon = async () => as(await signToken(secret, { role: "anon" }));
    const asUser = async (sub: string) => as(await signToken(secret, { role: "authenticated", sub }));

    async function newBucket(options: { kind?: string; public?: boolean; limit?: number; types?: string[] } = {}) {
        const name = `${options.kind ?? "plain"}-${++buckets}`;
        const { error } = await (
            await asService()
        ).createBucket(name, {
            public: options.public ?? false,
            fileSizeLimit: options.limit ?? null,
            allowedMimeTypes: options.types ?? null,
        });
        assert.equal(error, null);
        return name;
    }

    async function rows<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
        const client = new pg.Client(cluster.connection);
        await client.connect();
        try {
            return (await client.query<Row>(text, values)).rows;
        } finally {
            await client.end();
        }
    }

    const versions = async (bucket: string) =>
        (await rows<{ version: string }>("select version from storage.objects where bucket_id = $1", [bucket])).map(
            row => row.version,
        );
    const kept = (version: string | undefined) =>
        readdir(join(filesDir, "objects")).then(names => names.includes(version ?? "none"));
    const halfReceived = () => readdir(join(filesDir, "incoming"));

    describe("buckets", () => {
        it("are made, shown, changed, emptied and removed with the service key", async () => {
            const service = await asService();
            const { data: made, error } = await service.createBucket("life", {
                public: false,
                fileSizeLimit: "20KB",
                allowedMimeTypes: ["text/csv", "image/*"],
            });
            assert.equal(error, null);
            assert.deepEqual(made, { name: "life" });

            const { data: shown } = await service.getBucket("life");
            assert.equal(shown?.public, false);
            assert.equal(shown?.file_size_limit, 20_000);
            assert.deepEqual(shown?.allowed_mime_types, ["text/csv", "image/*"]);
            const { data: listed } = await service.listBuckets({ search: "lif", sortColumn: "name" });
            assert.deepEqual(
                listed?.map(bucket => bucket.id),
                ["life"],
            );

            const changed = await service.updateBucket("life", { public: true, allowedMimeTypes: null });
            assert.equal(changed.data?.message, "Successfully updated");
            const { data: after } = await service.getBucket("life");
            assert.equal(after?.public, true);
            assert.equal(after?.allowed_mime_types, null);
            assert.equal(after?.file_size_limit, 20_000, "what the request does not name stays");

            await service.from("life").upload("a/b.txt", "text");
            const [version] = await versions("life");
            assert.equal(await kept(version), true);
            assert.equal((await service.emptyBucket("life")).error, null);
            assert.deepEqual(await versions("life"), []);
            assert.equal(await kept(version), false);

            assert.equal((await service.deleteBucket("life")).data?.message, "Successfully deleted");
            refused(await service.getBucket("life"), "404", "Bucket not found");
        });

        it("cannot be made by anon or by a user, who see none either", async () => {
            const bucket = await newBucket();
            for (const client of [await asAnon(), await asUser(ada)]) {
                refused(
                    await client.createBucket("theirs", { public: true }),
                    "403",
                    "new row violates row-level security policy",
                );
                assert.deepEqual((await client.listBuckets()).data, []);
                refused(await client.getBucket(bucket), "404", "Bucket not found");
                refused(await client.updateBucket(bucket, { public: true }), "404", "Bucket not found");
                refused(await client.emptyBucket(bucket), "404", "Bucket not found");
                refused(await client.deleteBucket(bucket), "404", "Bucket not found");
            }
            assert.equal((await (await asService()).getBucket(bucket)).data?.public, false);
        });

        it("exist once", async () => {
            const bucket = await newBucket();
            refused(
                await (await asService()).createBucket(bucket, { public: false }),
                "409",
                "The resource already exists",
            );
        });

        it("that hold objects are not removed", async () => {
            const bucket = await newBucket();
            const service = await asService();
            await service.from(bucket).upload("x.txt", "x");
            refused(await service.deleteBucket(bucket), "409", "The bucket you tried to delete is not empty");
            assert.equal((await service.from(bucket).download("x.txt")).error, null);
        });

        it("are emptied as a whole or not at all", async () => {
            const bucket = await newBucket({ kind: "seen" });
            const user = await asUser(ada);
            await user.from(bucket).upload(`${ada}/a.txt`, "a");
            await user.from(bucket).upload(`${ada}/b.keep`, "b");
            refused(await user.emptyBucket(bucket), "403");
            assert.equal((await user.from(bucket).download(`${ada}/a.txt`)).error, null);
        });

        it("have names and limits that are checked", async () => {
            const service = await asService();
            for (const name of ["", "a/b", " a", "a".repeat(101), "ä"]) {
                refused(await service.createBucket(name, { public: false }), "400", "Bucket name invalid");
            }
            refused(await service.createBucket("bad", { public: false, fileSizeLimit: "much" }), "400");
            refused(await service.createBucket("bad", { public: false, allowedMimeTypes: ["csv"] }), "415");
            refused(await service.getBucket("bad"), "404");
        });
    });

    describe("objects", () => {
        it("are uploaded, listed, described, read and removed by the owner of the folder", async () => {
            const bucket = await newBucket({ kind: "frozen" });
            const files = (await asUser(ada)).from(bucket);
            const name = `${ada}/2024/data set (1).csv`;

            const { data: uploaded, error } = await files.upload(name, "a,b\n1,2\n", {
                contentType: "text/csv",
                cacheControl: "60",
                metadata: { origin: "test" },
            });
            assert.equal(error, null);
            assert.equal(uploaded?.fullPath, `${bucket}/${name}`);

            const { data: top } = await files.list(ada);
            assert.deepEqual(
                top?.map(entry => [entry.name, entry.id]),
                [["2024", null]],
            );
            const { data: entries } = await files.list(`${ada}/2024`);
            assert.deepEqual(
                entries?.map(entry => [entry.name, entry.id]),
                [["data set (1).csv", uploaded?.id]],
            );

            const { data: blob } = await files.download(name);
            assert.equal(await blob?.text(), "a,b\n1,2\n");
            assert.equal(blob?.type, "text/csv");
            const { data: info } = await files.info(name);
            assert.equal(info?.size, 8);
            assert.equal(info?.contentType, "text/csv");
            assert.deepEqual(info?.metadata, { origin: "test" });
            assert.deepEqual((await files.exists(name)).data, true);
            assert.deepEqual((await files.exists(`${ada}/none`)).data, false);

            const [row] = await rows("select * from storage.objects where bucket_id = $1", [bucket]);
            assert.equal(row?.owner, ada);
            assert.equal(row?.owner_id, ada);
            const { lastModified, ...metadata } = row?.metadata ?? {};
            assert.ok(Date.parse(lastModified) > Date.now() - 600_000);
            assert.deepEqual(metadata, {
                eTag: `"${createHash("md5").update("a,b\n1,2\n").digest("hex")}"`,
                size: 8,
                mimetype: "text/csv",
                cacheControl: "max-age=60",
                contentLength: 8,
                httpStatusCode: 200,
            });

            assert.equal(await kept(row?.version), true);
            const { data: removed } = await files.remove([name, `${ada}/none`]);
            assert.deepEqual(
                removed?.map(object => object.name),
                [name],
            );
            assert.equal(await kept(row?.version), false);
            refused(await files.download(name), "404", "Object not found");
        });

        it("of one user are neither seen nor removed by another, nor by anon", async () => {
            const bucket = await newBucket();
            const name = `${ada}/secret.txt`;
            await (await asUser(ada)).from(bucket).upload(name, "secret");
            for (const other of [await asUser(bob), await asAnon()]) {
                refused(await other.from(bucket).download(name), "404", "Object not found");
                refused(await other.from(bucket).info(name), "404", "Object not found");
                refused(await other.from(bucket).createSignedUrl(name, 60), "404", "Object not found");
                assert.deepEqual((await other.from(bucket).list(ada)).data, []);
                assert.deepEqual((await other.from(bucket).remove([name])).data, []);
            }
            assert.equal((await (await asUser(ada)).from(bucket).download(name)).error, null);
        });

        it("are refused in another's folder, and altogether where no policy allows them", async () => {
            const bucket = await newBucket();
            for (const client of [await asUser(bob), await asAnon()]) {
                for (const upsert of [false, true]) {
                    refused(
                        await client.from(bucket).upload(`${ada}/x.txt`, "x", { upsert }),
                        "403",
                        "new row violates row-level security policy",
                    );
                }
            }
            assert.deepEqual(await versions(bucket), []);
        });

        it("are judged with the operation, the type and the length before a byte is taken", async () => {
            const bucket = await newBucket({ kind: "drop-box" });
            const files = (await asAnon()).from(bucket);
            assert.equal((await files.upload("a.csv", "1,2", { contentType: "text/csv" })).error, null);
            refused(await files.upload("a.txt", "1,2", { contentType: "text/plain" }), "403");
            refused(await files.upload("b.csv", "x".repeat(100), { contentType: "text/csv" }), "403");
            refused(
                await files.upload("d.csv", "1,2", { contentType: "text/csv", upsert: true }),
                "403",
                "new row violates row-level security policy",
            );
            refused(await files.update("c.csv", "1,2", { contentType: "text/csv" }), "403");
        });

        it("exist once, and are replaced only with an update policy", async () => {
            const name = `${ada}/x.txt`;
            const frozen = await newBucket({ kind: "frozen" });
            const files = (await asUser(ada)).from(frozen);
            await files.upload(name, "one");
            refused(await files.upload(name, "two"), "409", "The resource already exists");
            refused(await files.upload(name, "two", { upsert: true }), "403");
            refused(await files.update(name, "two"), "403");
            assert.equal(await (await files.download(name)).data?.text(), "one");

            const open = await newBucket();
            const changeable = (await asUser(ada)).from(open);
            await changeable.upload(name, "one");
            const [before] = await versions(open);
            assert.equal((await changeable.upload(name, "two", { upsert: true })).error, null);
            assert.equal(await (await changeable.download(name)).data?.text(), "two");
            assert.equal((await changeable.update(name, "three")).error, null);
            assert.equal(await (await changeable.download(name)).data?.text(), "three");
            assert.equal((await versions(open)).length, 1);
            assert.equal(await kept(before), false, "the bytes of a replaced version are gone");
        });

        it("uploaded twice at the same time exist once", async () => {
            const bucket = await newBucket();
            const files = (await asService()).from(bucket);
            const results = await Promise.all(["a", "b", "c", "d"].map(text => files.upload("x.txt", text)));
            const errors = results.flatMap(({ error }) =>
                error ? [(error as { statusCode?: string }).statusCode] : [],
            );
            assert.deepEqual(errors, ["409", "409", "409"]);
            const found = await versions(bucket);
            assert.equal(found.length, 1);
            assert.equal(await kept(found[0]), true);
        });

        it("arrive as they were sent: strings, blobs, streams, nothing at all", async () => {
            const bucket = await newBucket();
            const files = (await asService()).from(bucket);
            const large = randomBytes(20 * 1024 * 1024);
            // A blob travels in a form: its bytes hold what looks like the form's own lines.
            const tricky = Buffer.concat([
                Buffer.from("\r\n--\r\n\r\n------formdata-undici-0\r\n"),
                large,
                Buffer.from("\r\n-"),
            ]);
            const bodies = {
                bytes: large,
                blob: new Blob([tricky], { type: "application/octet-stream" }),
                stream: Readable.from([large.subarray(0, 5), large.subarray(5)]),
                empty: "",
                "empty blob": new Blob([]),
            };
            const nothing = Buffer.alloc(0);
            const expected = { bytes: large, blob: tricky, stream: large, empty: nothing, "empty blob": nothing };
            for (const [name, body] of Object.entries(bodies)) {
                assert.equal((await files.upload(name, body)).error, null, name);
                const { data } = await files.download(name);
                const sent = expected[name as keyof typeof expected];
                assert.ok(data, name);
                assert.equal(Buffer.from(await data.arrayBuffer()).equals(sent), true, name);
            }
            assert.deepEqual(await halfReceived(), []);
        });

        it("carry what the form around a blob says of them", async () => {
            const bucket = await newBucket();
            const files = (await asService()).from(bucket);
            const blob = new Blob(["{}"], { type: "application/json" });
            await files.upload("x.json", blob, { cacheControl: "7", metadata: { a: "ä" } });
            const { data: info } = await files.info("x.json");
            assert.equal(info?.contentType, "application/json");
            assert.equal(info?.cacheControl, "max-age=7");
            assert.deepEqual(info?.metadata, { a: "ä" });
        });

        it("of a type that the bucket does not take are refused", async () => {
            const bucket = await newBucket({ types: ["text/csv", "image/*"] });
            const files = (await asService()).from(bucket);
            const upload = (name: string, contentType: string) => files.upload(name, "x", { contentType });
            refused(await upload("a.txt", "text/plain"), "415", "mime type text/plain is not supported");
            refused(await upload("a.txt", "nonsense"), "415", "mime type nonsense is not supported");
            refused(
                await files.upload("a.html", new Blob(["x"], { type: "text/html" })),
                "415",
                "mime type text/html is not supported",
            );
            assert.equal((await upload("a.csv", "text/csv;charset=utf-8")).error, null);
            assert.equal((await upload("a.png", "image/png")).error, null);
            assert.equal((await files.upload("b.csv", new Blob(["x"], { type: "text/csv" }))).error, null);
        });

        it("larger than the bucket takes are refused, however they are sent, and leave nothing behind", async () => {
            const limit = 1024 * 1024;
            const bucket = await newBucket({ limit });
            const files = (await asService()).from(bucket);
            const fits = Buffer.alloc(limit, "x");
            const large = Buffer.alloc(limit + 1, "x");
            const tooLarge = ["413", "The object exceeded the maximum allowed size"] as const;
            refused(await files.upload("bytes", large), ...tooLarge);
            refused(await files.upload("blob", new Blob([large])), ...tooLarge);
            refused(await files.upload("stream", Readable.from([large])), ...tooLarge);
            assert.deepEqual(await versions(bucket), []);
            assert.deepEqual(await halfReceived(), []);

            assert.equal((await files.upload("bytes", fits)).error, null);
            assert.equal((await files.upload("blob", new Blob([fits]))).error, null);
            assert.equal((await files.upload("stream", Readable.from([fits]))).error, null);
        });

        it("are not there when their sender goes away in the middle", async () => {
            const bucket = await newBucket();
            const token = await signToken(secret, { role: "service_role" });
            const request = http.request(`${storage.url}/storage/v1/object/${bucket}/x`, {
                method: "POST",
                headers: { authorization: `Bearer ${token}`, "content-length": 1_000_000 },
            });
            request.on("error", () => {});
            request.write(Buffer.alloc(500_000));
            await eventually(async () => assert.equal((await halfReceived()).length, 1));
            request.destroy();
            await eventually(async () => assert.deepEqual(await halfReceived(), []));
            assert.deepEqual(await versions(bucket), []);
        });

        it("in no bucket, or with a name that cannot be, are refused", async () => {
            const bucket = await newBucket();
            const service = await asService();
            refused(await service.from("nowhere").upload("x", "x"), "404", "Bucket not found");
            refused(await service.from("nowhere").download("x"), "404", "Bucket not found");
            assert.deepEqual((await service.from("nowhere").list()).data, []);
            for (const name of ["käse.csv", "a\0b", "tilde~", "a".repeat(1025)]) {
                refused(
                    await service.from(bucket).upload(encodeURIComponent(name), "x"),
                    "400",
                    `Invalid key: ${name}`,
                );
            }
        });

        it("never become a path: not by their name, not by a version written with SQL", async () => {
            const bucket = await newBucket();
            const token = await signToken(secret, { role: "service_role" });
            const names = ["../x", "a/../../x", "..%2fx", "%2e%2e/x", "a/./x", "%2e%2e%2f%2e%2e%2fetc%2fpasswd"];
            for (const name of names) {
                for (const method of ["POST", "GET"]) {
                    const body = method === "POST" ? "x" : "";
                    const answer = await raw(method, `/storage/v1/object/${bucket}/${name}`, token, body);
                    assert.equal(answer.status, 400, name);
                    assert.match(answer.body, /Invalid key/);
                }
            }
            const files = (await asService()).from(bucket);
            await files.upload("x.txt", "x");
            for (const version of ["../../../../../../etc/passwd", "/etc/passwd", "", null]) {
                await rows("update storage.objects set version = $1 where bucket_id = $2", [version, bucket]);
                refused(await files.download("x.txt"), "404", "The resource was not found");
            }
        });

        it("are sent back whatever their type and metadata hold", async () => {
            const bucket = await newBucket();
            const files = (await asService()).from(bucket);
            await files
                .upload("x.txt", "x", { metadata: { text: "no\0where" } })
                .then(result => refused(result, "400"));
            await files.upload("x.txt", "x");
            await rows(
                `update storage.objects set metadata = metadata || '{"mimetype": "a/\\u4e2d\\nb", "eTag": 5}'
                  where bucket_id = $1`,
                [bucket],
            );
            const { data } = await files.download("x.txt");
            assert.equal(await data?.text(), "x");
        });

        it("are listed by folder, in pages, searched and sorted", async () => {
            const bucket = await newBucket();
            const files = (await asService()).from(bucket);
            for (const name of ["b.txt", "a.txt", "C.txt", "sub/x.txt", "sub/deep/y.txt", "a_b.txt"]) {
                assert.equal((await files.upload(name, name)).error, null);
            }
            const names = async (...args: Parameters<typeof files.list>) =>
                (await files.list(...args)).data?.map(entry => entry.name);
            assert.deepEqual(await names(), ["a.txt", "a_b.txt", "b.txt", "C.txt", "sub"]);
            assert.deepEqual(await names("", { sortBy: { column: "name", order: "desc" } }), [
                "sub",
                "C.txt",
                "b.txt",
                "a_b.txt",
                "a.txt",
            ]);
            assert.deepEqual(await names("", { limit: 2, offset: 1 }), ["a_b.txt", "b.txt"]);
            assert.deepEqual(await names("", { search: "a" }), ["a.txt", "a_b.txt"]);
            assert.deepEqual(await names("", { search: "a_" }), ["a_b.txt"]);
            assert.deepEqual(await names("", { search: "%" }), [], "a search is no pattern");
            assert.deepEqual(await names("sub"), ["deep", "x.txt"]);
            assert.deepEqual(await names("", { sortBy: { column: "created_at", order: "desc" } }), [
                "sub",
                "a_b.txt",
                "C.txt",
                "a.txt",
                "b.txt",
            ]);
            refused(await files.list("", { sortBy: { column: "name; drop table x", order: "asc" } }), "400");
        });

        it("are read in parts, and not again when they did not change", async () => {
            const bucket = await newBucket();
            const token = await signToken(secret, { role: "service_role" });
            await (await asService()).from(bucket).upload("x.txt", "0123456789");
            const get = (headers: Record<string, string>) =>
                fetch(`${storage.url}/storage/v1/object/authenticated/${bucket}/x.txt`, {
                    headers: { ...headers, authorization: `Bearer ${token}` },
                });
            for (const [range, status, body] of [
                ["bytes=2-4", 206, "234"],
                ["bytes=7-", 206, "789"],
                ["bytes=-3", 206, "789"],
                ["bytes=5-99", 206, "56789"],
                ["bytes=10-", 416, ""],
                ["lines=1-2", 200, "0123456789"],
            ] as const) {
                const answer = await get({ range });
                assert.equal(answer.status, status, range);
                assert.equal(await answer.text(), body, range);
            }
            const etag = (await get({})).headers.get("etag") ?? "";
            assert.equal((await get({ "if-none-match": etag })).status, 304);
        });
    });

    describe("URLs", () => {
        it("that are signed show one object, without a token and for a time", async () => {
            const bucket = await newBucket();
            const name = `${ada}/a b.txt`;
            const files = (await asUser(ada)).from(bucket);
            await files.upload(name, "signed");
            await files.upload(`${ada}/other.txt`, "other");

            const { data } = await files.createSignedUrl(name, 60, { download: "copy.txt" });
            const url = data?.signedUrl ?? "";
            const answer = await fetch(url);
            assert.equal(answer.status, 200);
            assert.equal(await answer.text(), "signed");
            assert.match(answer.headers.get("content-disposition") ?? "", /^attachment; filename=copy\.txt/);

            const other = url.replace("a%20b.txt", "other.txt");
            assert.notEqual(other, url);
            await refusedAnswer(await fetch(other), "400", "Invalid signature");
            await refusedAnswer(await fetch(url.replace(/token=.*$/, "token=x")), "400", "Invalid Compact JWS");
            const claims = { url: `${bucket}/${name}`, scope: "download" };
            const late = await signToken(secret, { ...claims, exp: 1 });
            const forged = await signToken("another secret of thirty-two characters", claims);
            await refusedAnswer(
                await fetch(url.replace(/token=.*$/, `token=${late}`)),
                "400",
                '"exp" claim timestamp check failed',
            );
            await refusedAnswer(
                await fetch(url.replace(/token=.*$/, `token=${forged}`)),
                "400",
                "signature verification failed",
            );

            const { data: many } = await files.createSignedUrls([name, `${bob}/x`], 60);
            assert.equal((await fetch(many?.[0]?.signedUrl ?? "")).status, 200);
            assert.match(many?.[1]?.error ?? "", /does not exist or you do not have access/);
            assert.equal(many?.[1]?.signedUrl, null);
        });

        it("that are signed are no token to act with", async () => {
            const bucket = await newBucket();
            const files = (await asService()).from(bucket);
            await files.upload("x.txt", "x");
            const { data } = await files.createSignedUrl("x.txt", 60);
            const token = new URL(data?.signedUrl ?? "").searchParams.get("token") ?? "";
            refused(await as(token).from(bucket).download("x.txt"), "404");
            refused(await as(token).createBucket("theirs", { public: false }), "403");
        });

        it("that are public show what is in a public bucket, and only there", async () => {
            const open = await newBucket({ public: true });
            const closed = await newBucket();
            const service = await asService();
            for (const bucket of [open, closed])
                await service.from(bucket).upload("x.html", "hi", { contentType: "text/html" });

            const answer = await fetch(service.from(open).getPublicUrl("x.html").data.publicUrl);
            assert.equal(answer.status, 200);
            assert.equal(answer.headers.get("content-type"), "text/plain", "a page is not shown as one");
            assert.equal(await answer.text(), "hi");
            assert.equal((await (await asAnon()).from(open).download("x.html")).error, null);

            const hidden = await fetch(service.from(closed).getPublicUrl("x.html").data.publicUrl);
            await refusedAnswer(hidden, "404", "Bucket not found");
        });
    });

    describe("tokens", () => {
        it("that are missing, forged, expired or of another kind open nothing", async () => {
            const bucket = await newBucket();
            const key = new TextEncoder().encode(secret);
            const claims = { role: "service_role" };
            const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
            const good = await signToken(secret, claims);
            const signature = good.split(".")[2];
            const tokens: [string, string, string][] = [
                ["forged", await signToken(`${secret}!`, claims), "signature verification failed"],
                ["expired", await signToken(secret, { ...claims, exp: 1 }), '"exp" claim timestamp check failed'],
                ["alg none", `${part({ alg: "none" })}.${part(claims)}.`, '"alg" (Algorithm) Header Parameter'],
                [
                    "alg RS256",
                    `${part({ alg: "RS256" })}.${part(claims)}.${signature}`,
                    '"alg" (Algorithm) Header Parameter',
                ],
                [
                    "alg HS512",
                    await new SignJWT(claims).setProtectedHeader({ alg: "HS512" }).setExpirationTime("1h").sign(key),
                    '"alg" (Algorithm) Header Parameter',
                ],
                ["no token", "nonsense", "Invalid Compact JWS"],
                [
                    "another role",
                    await signToken(secret, { role: "postgres" }),
                    'permission denied to set role "postgres"',
                ],
                [
                    "the owner of the tables",
                    await signToken(secret, { role: "supabase_storage_admin" }),
                    'permission denied to set role "supabase_storage_admin"',
                ],
            ];
            for (const [kind, token, message] of tokens) {
                const { error } = await as(token).createBucket("theirs", { public: true });
                refused({ error }, "403");
                assert.ok(error?.message.startsWith(message), `${kind}: ${error?.message}`);
                refused(await as(token).from(bucket).upload("x", "x"), "403");
                refused(await as(token).from(bucket).list(), "403");
                refused(await as(token).from(bucket).remove(["x"]), "403");
                refused(await as(token).from(bucket).download("x"), "404", "Bucket not found");
            }
            const missing = await fetch(`${storage.url}/storage/v1/bucket`);
            await refusedAnswer(missing, "400", "headers must have required property 'authorization'");
        });

        it("without a role are anon's", async () => {
            const client = as(await signToken(secret, { sub: ada }));
            assert.deepEqual((await client.listBuckets()).data, []);
        });
    });

    it("says 501 to all that it does not serve", async () => {
        const service = await asService();
        const bucket = await newBucket();
        refused(await service.from(bucket).move("a", "b"), "501", undefined, 501);
        refused(await service.from(bucket).copy("a", "b"), "501", undefined, 501);
        refused(await service.from(bucket).listV2(), "501", undefined, 501);
        refused(await service.from(bucket).createSignedUploadUrl("a"), "501", undefined, 501);
        refused(await service.from(bucket).download("a", { transform: { width: 1 } }), "501", undefined, 501);
        refused(await service.createBucket("lake", { public: false, type: "ANALYTICS" }), "501", undefined, 501);
        for (const path of ["/storage/v1/upload/resumable", "/storage/v1/s3/x", "/auth/v1/token", "/rest/v1/x", "/"]) {
            const answer = await fetch(`${storage.url}${path}`, { method: "POST", body: "x" });
            assert.equal(answer.status, 501, path);
            assert.match(((await answer.json()) as { message: string }).message, /local\/storage\/README\.md/);
        }
    });

    it("answers to a body that is no JSON", async () => {
        const token = await signToken(secret, { role: "service_role" });
        const answer = await raw("POST", "/storage/v1/bucket", token, "{");
        assert.equal(answer.status, 400);
        assert.match(answer.body, /not valid JSON/);
        assert.equal((await raw("POST", "/storage/v1/bucket", token, "[]")).status, 400);
        assert.equal((await raw("GET", "/storage/v1/bucket/%E0%A4%A", token)).status, 400);
    });

    it("is reached from this machine alone", async () => {
        assert.equal(new URL(storage.url).hostname, "127.0.0.1");
        const others = Object.values(networkInterfaces())
            .flatMap(addresses => addresses ?? [])
            .filter(({ address, scopeid }) => address !== "127.0.0.1" && !scopeid)
            .map(({ address }) => address);
        for (const host of others) await assert.rejects(reach(host, storage.port), { code: "ECONNREFUSED" });
        await reach("127.0.0.1", storage.port);
    });

    it("cannot start on a port that is taken, and says so", async () => {
        const taken = startStorage({ port: storage.port, database: cluster.connection, jwtSecret: secret, filesDir });
        await assert.rejects(
            taken,
            (error: unknown) => error instanceof UserError && error.message.includes(`port ${storage.port}`),
        );
    });

    describe("when the database is gone", () => {
        const logged: string[] = [];
        const log = console.error;
        before(() => {
            console.error = (...words) => logged.push(words.join(" "));
        });
        after(() => {
            console.error = log;
        });

        it("says so, and goes on when it is back", async () => {
            const service = await asService();
            // Connections that are idle and one that is in use break with it.
            const waiting = await Promise.all([1, 2, 3].map(() => service.listBuckets()));
            assert.ok(waiting.every(({ error }) => error === null));
            const locking = new pg.Client(cluster.adminUrl());
            locking.on("error", () => {});
            await locking.connect();
            await locking.query("begin");
            await locking.query("lock table storage.buckets");
            const inUse = service.listBuckets();
            await eventually(async () => {
                const { rows } = await locking.query("select 1 from pg_locks where not granted");
                assert.equal(rows.length, 1);
            });
            await cluster.kill9();
            refused(await inUse, "503", undefined, 503);
            await eventually(async () => {
                const { error } = await service.listBuckets();
                refused({ error }, "503", undefined, 503);
                assert.match(error?.message ?? "", /^The database cannot be reached/);
            });
            await cluster.restart();
            assert.equal((await service.listBuckets()).error, null);
            assert.ok(logged.length > 0);
            for (const line of logged)
                assert.match(line, /^GET \/storage\/v1\/bucket: The database cannot be reached: /);
        });
    });

    function raw(method: string, path: string, token: string, body = ""): Promise<{ status: number; body: string }> {
        // node:http sends the path as it is; fetch would tidy it up first.
        return new Promise((resolve, reject) => {
            const request = http.request(
                { host: "127.0.0.1", port: storage.port, path, method, headers: { authorization: `Bearer ${token}` } },
                response => {
                    let text = "";
                    response.on("data", chunk => {
                        text += chunk;
                    });
                    response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
                },
            );
            request.on("error", reject);
            request.end(body);
        });
    }
});

interface Failure {
    readonly status?: number;
    readonly statusCode?: string;
    readonly message: string;
}

/** The real server answers 400 and tells the meaning in the body's statusCode; 501 is our own. */
function refused({ error }: { error: unknown }, statusCode: string, message?: string, status = 400): void {
    assert.ok(error, `expected a refusal with ${statusCode}`);
    const failure = error as Failure;
    assert.equal(failure.statusCode, statusCode, failure.message);
    assert.equal(failure.status, status);
    if (message !== undefined) assert.equal(failure.message, message);
}

async function refusedAnswer(answer: Response, statusCode: string, message: string): Promise<void> {
    assert.equal(answer.status, 400);
    const body = (await answer.json()) as Failure;
    assert.equal(body.statusCode, statusCode);
    assert.equal(body.message, message);
}

function reach(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
        const socket = connect({ host, port, timeout: 5_000 }, () => {
            socket.destroy();
            resolve();
        });
        socket.on("error", reject);
    });
}

async function eventually(check: () => Promise<void>): Promise<void> {
    for (const deadline = Date.now() + 20_000; ;) {
        try {
            return await check();
        } catch (error) {
            if (Date.now() > deadline) throw error;
            await new Promise(resolve => setTimeout(resolve, 50));
        }
    }
}
