import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdir, readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { shadowsFolder } from "../../preview/shadow/place.ts";
import { surplus } from "../../preview/shadow/templates.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject, type Trio } from "../support/sqlProject.ts";
import { majors, rehearsePending } from "./ground.ts";

/** The folders that are kept of this project; other tests rehearse at the same time. */
async function keptOf({ database }: SqlProject): Promise<string[]> {
    const templates = join(await shadowsFolder(), "templates");
    const folders = (await readdir(templates)).map(name => join(templates, name));
    const about = await Promise.all(
        folders.map(folder => readFile(join(folder, "about.json"), "utf8").catch(() => "")),
    );
    return folders.filter((_, index) => about[index]?.includes(`/${database}"`));
}

for (const major of majors) {
    describe(`what a rehearsal keeps for the next one (PostgreSQL ${major})`, function () {
        this.timeout(240_000);
        let cluster: TestCluster;
        let project: SqlProject;
        before(async () => {
            cluster = await testCluster({ major });
        });
        after(() => cluster?.stop());
        beforeEach(async () => {
            project = await sqlProject(cluster);
        });
        afterEach(() => project?.remove());

        /** Whether the catalog was copied, and all that was said. */
        const ask = async (migrations?: Readonly<Record<string, Trio>>) => {
            const phases: string[] = [];
            const found = await rehearsePending(project, migrations, { tookPhase: phase => phases.push(phase) });
            assert.ok(found.proof.verified, found.proof.words);
            return { ...found, copied: phases.some(phase => phase.startsWith("copying")) };
        };

        it("another migration on the same target needs no second copy of it, and is told the same about the target", async () => {
            await project.client.query(
                `create type public.mood as enum ('ok');
                 create table public.people (id bigint primary key, mood public.mood, twice bigint generated always as (id * 2) stored);
                 alter table public.people enable row level security;
                 alter default privileges in schema public revoke select on tables from anon;
                 alter role authenticated in database ${project.database} set statement_timeout = '7s';`,
            );
            const first = await ask({ "0001_one": {} });
            const second = await ask({ "0001_other": {} });
            assert.deepEqual([first.copied, second.copied], [true, false]);
            assert.deepEqual(second.proof, first.proof);
            assert.deepEqual(second.up[0]?.before, first.up[0]?.before);
            assert.equal(second.up[0]?.reversal?.verdict, "restored");
            assert.ok(second.up[0]?.after.has("table public.other"));
        });

        it("a target that has changed in anything is copied anew", async () => {
            await ask({ "0001_one": {} });
            for (const change of [
                "create table public.things (id bigint)",
                "comment on schema public is 'ours'",
                "create role kept_visitor",
                "grant kept_visitor to authenticated",
            ]) {
                await project.admin.query(change);
                assert.ok((await ask({ "0001_one": {} })).copied, change);
                assert.ok(!(await ask({ "0001_one": {} })).copied);
            }
            await project.admin.query("drop role kept_visitor");
        });

        it("two at once may use the same one", async () => {
            await ask({ "0001_one": {} });
            const [one, other] = await Promise.all([ask(), ask()]);
            assert.deepEqual([one.copied, other.copied], [false, false]);
            assert.deepEqual(other.up, one.up);
        });

        it("one that does not start is thrown out, and made anew", async () => {
            const first = await ask({ "0001_one": {} });
            const [folder = ""] = await keptOf(project);
            await truncate(join(folder, "data", "global", "pg_control"), 0);
            const second = await ask({ "0001_one": {} });
            assert.ok(second.copied);
            assert.deepEqual(second.up, first.up);
            assert.ok(!(await ask({ "0001_one": {} })).copied, "the new one is good");
        });

        it("one that lost a part of its catalog to a power cut is thrown out as well", async () => {
            await project.client.query(
                `create table public.notes (id bigint);
                 alter table public.notes enable row level security;
                 create policy nobody on public.notes using (false);`,
            );
            const first = await ask({ "0001_one": {} });
            const [folder = ""] = await keptOf(project);
            const databases = join(folder, "data", "base");
            for (const database of await readdir(databases)) {
                // The file of pg_policy, whose number is its oid.
                await truncate(join(databases, database, "3256"), 0);
            }
            const second = await ask({ "0001_one": {} });
            assert.ok(second.copied);
            assert.deepEqual(second.up, first.up);
            assert.ok(second.up[0]?.before.has("policy nobody on public.notes"));
        });

        it("no row of the target, no password and no setting of its own is in it", async () => {
            const words = ["a-row-of-it", "a-word-to-log-in", "a-setting-of-its-own"];
            await project.admin.query(
                `create table public.letters (body text);
                 insert into public.letters values ('${words[0]}');
                 create role kept_reader login password '${words[1]}';
                 alter database ${project.database} set app.key = '${words[2]}';`,
            );
            try {
                const { rows } = await project.admin.query<{ secret: string }>(
                    "select rolpassword as secret from pg_authid where rolpassword is not null",
                );
                const hashes = rows.map(({ secret }) => secret.split("$").at(-1) ?? "");
                const { up } = await ask({ "0001_one": {} });
                assert.match(up[0]?.before.get("settings of everybody in this database") ?? "", /^app\.key with md5 /);
                const kept = await keptOf(project);
                assert.equal(kept.length, 1);
                for (const word of [...words, ...hashes]) assert.deepEqual(filesWith(word, kept), [], word);
                assert.notDeepEqual(filesWith("letters", kept), [], "its catalog is");
            } finally {
                await project.admin.query("drop role kept_reader");
            }
        });

        it("a catalog with something like a secret in it is not kept", async () => {
            await project.client.query(
                `create function public.call() returns text language sql
                 return 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJlLW9mLWl0'`,
            );
            await ask({ "0001_one": {} });
            assert.deepEqual(await keptOf(project), []);
        });
    });
}

describe("the room for what rehearsals keep", () => {
    const names = (found: Parameters<typeof surplus>[0]) => surplus(found).sort();
    const day = 24 * 3_600_000;

    it("is bounded in number: the ones that were used longest ago go", () => {
        const found = Array.from({ length: 10 }, (_, index) => ({
            name: `${index}`,
            unused: 10 - index,
            kilobytes: 1,
        }));
        assert.deepEqual(names(found), ["0", "1"]);
    });

    it("is bounded in size", () => {
        const found = [100, 150, 200, 250].map((size, unused) => ({ name: `${size}`, unused, kilobytes: size * 1000 }));
        assert.deepEqual(names(found), ["250"]);
    });

    it("is bounded in age", () => {
        const found = [1, 20, 40].map(days => ({ name: `${days}`, unused: days * day, kilobytes: 1 }));
        assert.deepEqual(names(found), ["40"]);
    });
});

/** The files in these folders that have the word in them. */
function filesWith(word: string, folders: readonly string[]): string[] {
    try {
        return execFileSync("grep", ["-rlaF", "--", word, ...folders], { encoding: "utf8" })
            .trim()
            .split("\n");
    } catch (error) {
        // It ends with 1 when there are none.
        if ((error as { status?: number }).status === 1) return [];
        throw error;
    }
}
