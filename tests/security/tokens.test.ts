import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { SignJWT } from "jose";
import { signToken } from "../../local/storage/token.ts";
import { ada, alan, linus } from "../sql/scene.ts";
import { makeProject, type Project } from "./project.ts";

type Files = ReturnType<typeof createClient>["storage"];
interface Answer {
    readonly error: unknown;
    readonly data: unknown;
}

const file = () => new Blob(["id\n1\n"], { type: "text/csv" });
const kept = `${ada.sub}/kept.csv`;

/** What supabase-js can do with a bucket and a file in it. */
const verbs: Readonly<Record<string, (storage: Files) => Promise<Answer>>> = {
    "uploads into ada's folder": storage => storage.from("datasets").upload(`${ada.sub}/x.csv`, file()),
    "replaces ada's file": storage => storage.from("datasets").upload(kept, file(), { upsert: true }),
    "updates ada's file": storage => storage.from("datasets").update(kept, file()),
    "downloads ada's file": storage => storage.from("datasets").download(kept),
    "asks for ada's file": storage => storage.from("datasets").info(kept),
    "lists ada's folder": storage => storage.from("datasets").list(ada.sub),
    "signs an address for ada's file": storage => storage.from("datasets").createSignedUrl(kept, 60),
    "removes ada's file": storage => storage.from("datasets").remove([kept]),
    "empties the bucket": storage => storage.emptyBucket("datasets"),
    "deletes the bucket": storage => storage.deleteBucket("datasets"),
    "opens the bucket": storage => storage.updateBucket("datasets", { public: true }),
    "makes a public bucket": storage => storage.createBucket("theirs", { public: true }),
};

describe("tokens, at the bucket of the datasets (PostgreSQL 17)", function () {
    this.timeout(120_000);
    let project: Project;
    let secret: string;
    let tokens: Readonly<Record<string, string>>;
    before(async () => {
        project = await makeProject(17);
        secret = project.target.secrets[2] ?? "";
        const user = { role: "authenticated", sub: ada.sub };
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
        const good = await signToken(secret, user);
        tokens = {
            "a stranger's": await signToken(secret, { ...user, sub: linus.sub }),
            "a member's of her organization": await signToken(secret, { ...user, sub: alan.sub }),
            "anon's": await signToken(secret, { role: "anon" }),
            "anon's with her id": await signToken(secret, { role: "anon", sub: ada.sub }),
            "a user's without an id": await signToken(secret, { role: "authenticated" }),
            "an expired one": await signToken(secret, { ...user, exp: 1 }),
            "one not valid yet": await signToken(secret, { ...user, nbf: 4_000_000_000 }),
            "one signed with another secret": await signToken(`${secret}!`, user),
            "one with the claims exchanged": good.replace(/\.[^.]+\./, `.${part({ ...user, role: "service_role" })}.`),
            "an unsigned one": `${part({ alg: "none", typ: "JWT" })}.${part(user)}.`,
            "one signed with HS512": await new SignJWT(user)
                .setProtectedHeader({ alg: "HS512" })
                .setExpirationTime("1h")
                .sign(new TextEncoder().encode(secret)),
            "one of another role": await signToken(secret, { ...user, role: "postgres" }),
            "one of a service's role": await signToken(secret, { ...user, role: "dataset_service" }),
            "no token": "nothing",
        };
        const { error } = await (await project.target.storageAs(ada.sub)).from("datasets").upload(kept, file());
        assert.equal(error, null);
    });
    after(() => project?.stop());

    const storageWith = (token: string) =>
        createClient(project.target.environment.SUPABASE_URL ?? "", token, {
            auth: { persistSession: false, autoRefreshToken: false },
        }).storage;
    const state = async () => {
        const { rows } = await project.target.admin.query(
            "select o.*, b.public from storage.objects as o, storage.buckets as b order by o.id, b.id",
        );
        return rows;
    };

    for (const [verb, act] of Object.entries(verbs)) {
        it(`no token but her own ${verb}, and nothing changes`, async () => {
            const before = await state();
            assert.equal(before.length, 1);
            for (const [kind, token] of Object.entries(tokens)) {
                const { data, error } = await act(storageWith(token));
                // Where a caller may ask but sees nothing, Storage answers with an empty list.
                const isNothing = error !== null || (Array.isArray(data) && data.length === 0);
                assert.ok(isNothing || /^empties/.test(verb), `${kind}: ${JSON.stringify(data)}`);
                assert.deepEqual(await state(), before, kind);
            }
        });
    }

    it("her own does all of it but what is a service's", async () => {
        const own = await project.target.storageAs(ada.sub);
        const worked: string[] = [];
        for (const [verb, act] of Object.entries(verbs)) {
            if (/bucket/.test(verb)) continue;
            if ((await act(own)).error === null) worked.push(verb);
        }
        assert.deepEqual(
            worked,
            Object.keys(verbs).filter(verb => !/bucket/.test(verb)),
        );
    });
});
