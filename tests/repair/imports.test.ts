import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

/** Writes down every module that is loaded. */
const watcher = `
    import { appendFileSync } from "node:fs";
    import { registerHooks } from "node:module";
    registerHooks({
        load(url, context, next) {
            appendFileSync(process.env.LOADED_MODULES, url + "\\n");
            return next(url, context);
        },
    });`;

describe("what a step of the stack loads", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    before(async () => {
        cluster = await testCluster({ major: 15 });
        project = await sqlProject(cluster, { "0001_first": {} });
        await writeFile(join(project.folder, "watcher.mjs"), watcher);
    });
    after(async () => {
        await project?.remove();
        await cluster?.stop();
    });

    async function loadedBy(command: string): Promise<string> {
        const file = join(project.folder, "loaded");
        await writeFile(file, "");
        const env = {
            NODE_OPTIONS: `--import=${pathToFileURL(join(project.folder, "watcher.mjs"))}`,
            LOADED_MODULES: file,
        };
        await project.must(command, { stdin: project.stdin("0001"), env });
        return await readFile(file, "utf8");
    }

    for (const command of ["migrate up --stdin", "migrate record --stdin", "migrate down --stdin"]) {
        it(`${command}: nothing of backups, archive commands, repairs, Storage, or either parser`, async () => {
            const loaded = await loadedBy(command);
            assert.match(loaded, /runner\/commands\.ts$/m);
            const heavy =
                /runner\/(backup\/|archive\/(commands|purge|consent)|repair)|supabase-js|libpg-query|commander/;
            assert.deepEqual(
                loaded.split("\n").filter(url => heavy.test(url)),
                [],
            );
        });
    }
});
