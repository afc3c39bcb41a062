import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { access, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type TestCluster, testCluster } from "../support/cluster.ts";
import { type SqlProject, sqlProject } from "../support/sqlProject.ts";

const root = dirname(dirname(import.meta.dirname));

/** Prints at its end which packages and files of ours a process has loaded. */
const spy = `
import { registerHooks } from "node:module";
const loaded = new Set();
registerHooks({
    load(url, context, next) {
        loaded.add(url);
        return next(url, context);
    },
});
process.on("exit", () => process.stderr.write("loaded: " + [...loaded].join(" ") + "\\n"));
`;

describe("the start of the runner", function () {
    this.timeout(60_000);
    let cluster: TestCluster;
    let project: SqlProject;
    before(async () => {
        cluster = await testCluster({ major: 15, settings: { log_connections: "on", log_line_prefix: "%d " } });
        project = await sqlProject(cluster, { "0001_first": {}, "0002_second": {} });
        await project.must("migrate up --to 0001");
    });
    after(async () => {
        await project?.remove();
        await cluster?.stop();
    });

    /** What a run loads, as far as it is ours or of a package: `pg`, `runner/steps/apply.ts`. */
    async function loadedBy(command: string, stdin = ""): Promise<string[]> {
        const { code, stderr } = await project.run(command, {
            stdin,
            env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(spy)}` },
        });
        assert.equal(code, 0, stderr);
        const here = pathToFileURL(root).href;
        const urls = /^loaded: (.*)$/m.exec(stderr)?.[1]?.split(" ") ?? [];
        const names = urls
            .filter(url => url.startsWith(here))
            .map(url => url.slice(here.length + 1))
            .map(path => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path);
        return [...new Set(names)].toSorted();
    }

    const unneeded = [
        ...[
            "archive/commands.ts",
            "archive/consent.ts",
            "archive/purge.ts",
            "backup/commands.ts",
            "backup/settings.ts",
        ],
        ...["bucket.ts", "commandLine.ts", "ledger/adopt.ts", "ledger/repair.ts", "status.ts"],
    ];
    for (const [verb, version] of [
        ["up", "0002"],
        ["record", "0002"],
        ["down", "0002"],
    ] as const) {
        it(`a step of the stack (${verb}) loads the driver, and neither the parsers nor the clients it does not need`, async () => {
            const loaded = await loadedBy(`migrate ${verb} --stdin`, project.stdin(version));
            assert.ok(loaded.includes("pg"), "the spy sees nothing");
            for (const name of ["commander", "libpg-query", "@supabase/supabase-js", "jose", "yaml"])
                assert.ok(!loaded.includes(name), `${name} was loaded`);
            for (const name of unneeded) {
                await access(join(root, "runner", name));
                assert.ok(!loaded.includes(`runner/${name}`), `${name} was loaded`);
            }
        });
    }

    it("connects once, and no more often for more migrations", async () => {
        const other = await sqlProject(cluster, { "0001_first": {}, "0002_second": {}, "0003_third": {} });
        try {
            const logins = async () =>
                (await cluster.log()).match(
                    new RegExp(
                        `connection authorized: user=postgres database=${other.database} application_name=simulation-db`,
                        "g",
                    ),
                )?.length ?? 0;
            for (const [nth, command] of ["migrate up", "migrate down --to 0001", "migrate up", "status"].entries()) {
                await other.must(command);
                assert.equal(await logins(), nth + 1, command);
            }
        } finally {
            await other.remove();
        }
    });

    it("help needs no driver", async () => {
        const loaded = await loadedBy("--help");
        assert.ok(loaded.includes("commander"));
        assert.ok(!loaded.includes("pg"));
    });

    it("what it compiled is kept for the next run, in a folder of its own", async () => {
        const folder = await mkdtemp(join(tmpdir(), "simulation-db-cache-"));
        try {
            const env = { NODE_COMPILE_CACHE: folder };
            await project.must("migrate up --stdin", { stdin: project.stdin("0001"), env });
            assert.ok((await readdir(folder)).length > 0);
        } finally {
            await rm(folder, { recursive: true, force: true });
        }
    });

    it("reading the sql folder does not keep the processor busy after it is done", async () => {
        // The optimising compiler of the parser ran on for 0.6 s. What is measured is processor time of all threads, which
        // this machine needs for the work, and afterwards.
        const code = `
            const { splitStatements } = await import(${JSON.stringify(pathToFileURL(join(root, "runner/migration/statements.ts")).href)});
            const spent = since => {
                const { user, system } = process.cpuUsage(since);
                return (user + system) / 1000;
            };
            const start = process.cpuUsage();
            await splitStatements("create table public.a (id bigint primary key, b text not null); select 1", "a.sql");
            const work = spent(start);
            const end = process.cpuUsage();
            await new Promise(resolve => setTimeout(resolve, 700));
            process.stdout.write(JSON.stringify({ work, rest: spent(end) }));`;
        const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
            stdio: ["ignore", "pipe", "inherit"],
            timeout: 30_000,
        });
        let output = "";
        for await (const text of child.stdout) output += String(text);
        const { work, rest } = JSON.parse(output) as { work: number; rest: number };
        assert.ok(rest < work / 2, `${work} ms of processor time, and ${rest} ms after it was done`);
    });
});
