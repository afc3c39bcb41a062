import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFile, chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { runtimeHome } from "../../local/runtimeHome.ts";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { shadowLimit } from "./ground.ts";
import { checkoutCopy, type ProcessOptions, startRehearsal } from "./rehearsalProcess.ts";

const trio = { up: "create table public.things (id bigint);", down: "drop table public.things;", verify: "select 1;" };

describe("a shadow where the ground is hard", function () {
    this.timeout(240_000);
    let cluster: TestCluster;
    let project: SqlProject;
    let checkout: Awaited<ReturnType<typeof checkoutCopy>>;
    before(async () => {
        cluster = await testCluster({ major: 15 });
    });
    after(() => cluster?.stop());
    beforeEach(async () => {
        project = await sqlProject(cluster);
        checkout = await checkoutCopy();
    });
    afterEach(async () => {
        await project?.remove();
        await checkout?.remove();
    });

    let number = 0;
    /** Another migration each time. @returns whether the catalog was copied, and what was said */
    const rehearse = async (options: ProcessOptions = {}) => {
        number += 1;
        const name = `0001_number_${number}`;
        await rm(join(project.folder, "sql"), { recursive: true, force: true });
        const run = await startRehearsal(project, { [name]: trio }, { checkout: checkout.folder, ...options });
        const printed = await run.end();
        assert.match(printed, /^verified on a shadow of PostgreSQL 15/m);
        return { copied: printed.includes("done: copying"), printed };
    };

    it("is there whatever the umask of who previews", async () => {
        await project.admin.query(
            `create schema ext; grant usage on schema ext to public; create extension ltree schema ext;
             update pg_extension set extname = 'pathtree' where extname = 'ltree';`,
        );
        const { printed } = await rehearse({ within: ["sh", "-c", 'umask 077; exec "$@"', "sh"] });
        assert.match(printed, /^verified/m);
    });

    it("is there where what is kept for it belongs to somebody else, and nothing is kept", async () => {
        await rehearse();
        const templates = join(await runtimeHome(checkout.folder), "shadows", "templates");
        await chmod(templates, 0o777);
        assert.deepEqual([(await rehearse()).copied, (await rehearse()).copied], [true, true]);
        await chmod(templates, 0o755);
        assert.equal((await rehearse()).copied, false);
    });

    it("is not there where its folder is somebody else's, and it is said what to do about it", async () => {
        await rehearse();
        await chmod(join(await runtimeHome(checkout.folder), "shadows"), 0o777);
        const run = await startRehearsal(project, { "0001_one": trio }, { checkout: checkout.folder });
        assert.match(
            await run.end(),
            /^NOT VERIFIED AGAINST A DATABASE: .*not a folder that belongs to this account alone\. \(Remove it and run/m,
        );
    });

    it("is not made of a copy that other code, or another version of a library, has kept", async () => {
        assert.deepEqual([(await rehearse()).copied, (await rehearse()).copied], [true, false]);
        for (const file of ["preview/shadow/fill.ts", "local/baseline.ts", "package.json"]) {
            await appendFile(join(checkout.folder, file), "\n");
            assert.ok((await rehearse()).copied, file);
        }
    });

    it("leaves nothing where its preview is killed while the copy for the next one is made", async () => {
        const shadows = join(await runtimeHome(checkout.folder), "shadows");
        await rehearse();
        const before = await readdir(join(shadows, "templates"));
        await project.client.query("create table public.meanwhile (id bigint)");
        const run = await startRehearsal(
            project,
            { "0001_one": trio },
            {
                checkout: checkout.folder,
                before: `
                    import { existsSync, readdirSync } from "node:fs";
                    const shadows = ${JSON.stringify(shadows)};
                    setInterval(() => {
                        const names = existsSync(shadows) ? readdirSync(shadows) : [];
                        const half = names.some(name => existsSync(shadows + "/" + name + "/template/data"));
                        if (half) process.kill(process.pid, "SIGKILL");
                    }, 1).unref();`,
            },
        );
        await until("it is killed", () => run.child.signalCode === "SIGKILL", shadowLimit);
        const isClear = async () => (await readdir(shadows)).every(name => name === "templates");
        await until("nothing is left", isClear, shadowLimit);
        assert.deepEqual(await readdir(join(shadows, "templates")), before);
        assert.ok((await rehearse()).copied);
        assert.equal((await rehearse()).copied, false);
    });

    it("is on the disk where others fill the memory while it is made", async function () {
        const own = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=900m none /dev/shm && exec "$@"', "sh"];
        if (spawnSync(own[0] as string, [...own.slice(1), "true"]).status !== 0) this.skip();
        const before = `
            import { readdirSync, statfsSync } from "node:fs";
            import { spawnSync } from "node:child_process";
            const filling = setInterval(() => {
                if (!readdirSync("/dev/shm").some(name => name.startsWith("simulation-db-"))) return;
                clearInterval(filling);
                const { bavail, bsize } = statfsSync("/dev/shm");
                // A program that asks for a page or two gets them.
                const count = "count=" + (Math.floor((bavail * bsize) / 2 ** 20) - 4);
                const { status } = spawnSync("dd", ["if=/dev/zero", "of=/dev/shm/others", "bs=1M", count]);
                if (status === 0) console.log("memory is full");
            }, 1);
            filling.unref();`;
        const { printed } = await rehearse({ within: own, before });
        assert.match(printed, /^memory is full/m);
    });
});
