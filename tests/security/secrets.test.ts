import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command as CommandWord } from "commander";
import { commandLine } from "../../runner/commandLine.ts";
import { encode } from "../../runner/migration/migration.ts";
import { installedTools } from "../backup/installedTools.ts";
import { smallPlan } from "../stack/smallPlan.ts";
import { appliedVersions, ledgerText } from "../stack/snapshot.ts";
import { outcomeOf, ownEnvironment } from "../support/engine.ts";
import { testCluster } from "../support/cluster.ts";
import { stackProject } from "../support/stackProject.ts";
import { stackTarget } from "../support/stackTarget.ts";
import { watchArguments } from "./argumentWatch.ts";
import { bucketSettings, makeProject, type Project } from "./project.ts";

const wrongPassword = "a-password-that-postgres-refuses";
const wrongKey = "eyJhbGciOiJIUzI1NiJ9.a-key-that-storage-refuses.c2lnbmF0dXJl";
const promotionKey = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();

/** A migration that fails, whatever was applied before. */
const broken = encode({
    version: "0032",
    slug: "broken",
    up: "-- Fails.\nselect missing from public.datasets;\n",
    down: "-- Nothing is lost.\n",
    verify: "-- Nothing.\n",
});

interface Command {
    readonly what: string;
    /** SCRATCH stands for a folder of the test. */
    readonly words: string;
    readonly code: number;
    readonly stdin?: string;
    readonly env?: Readonly<Record<string, string>>;
}

const commands: readonly Command[] = [
    { what: "status", words: "status", code: 0 },
    { what: "check", words: "check", code: 0 },
    { what: "audit", words: "audit", code: 0 },
    { what: "migrate up, with nothing to do", words: "migrate up", code: 0 },
    { what: "migrate up that fails", words: "migrate up --stdin", code: 1, stdin: broken },
    { what: "migrate down and up", words: "migrate down --to 0022", code: 0 },
    { what: "migrate up of one", words: "migrate up", code: 0 },
    { what: "bucket put", words: "bucket put", code: 0, stdin: JSON.stringify(bucketSettings) },
    {
        what: "bucket put with a key that is refused",
        words: "bucket put",
        code: 1,
        stdin: JSON.stringify(bucketSettings),
        env: { SUPABASE_SERVICE_ROLE_KEY: wrongKey },
    },
    {
        what: "check with a key that is refused",
        words: "check",
        code: 1,
        env: { SUPABASE_SERVICE_ROLE_KEY: wrongKey, SUPABASE_ANON_KEY: wrongKey },
    },
    { what: "a login that is refused", words: "status", code: 1, env: { PGPASSWORD: wrongPassword } },
    { what: "a server that is not there", words: "migrate up", code: 1, env: { PGPORT: "1" } },
    { what: "a migration that is none", words: "migrate up --stdin", code: 1, stdin: "nonsense" },
    { what: "reference", words: "reference", code: 0 },
    { what: "adopt of nonsense", words: "adopt", code: 1, stdin: "nonsense" },
    { what: "migrate status", words: "migrate status", code: 0 },
    { what: "migrate record of what is not applied", words: "migrate record --stdin", code: 1, stdin: broken },
    { what: "repair reverted", words: "repair reverted 0031 --reason=tried", code: 0 },
    { what: "repair applied", words: "repair applied 0031 --reason=tried", code: 0 },
    { what: "repair of what is not there", words: "repair applied 0099 --reason=tried", code: 1 },
    { what: "archive list", words: "archive list", code: 0 },
    { what: "archive purge with an age that is none", words: "archive purge --older-than soon", code: 1 },
    { what: "archive purge", words: "archive purge --older-than 0d --yes", code: 0 },
    {
        what: "promotion make",
        words: "promotion make --out SCRATCH/record.json",
        code: 0,
        env: { SIMULATION_DB_PROMOTION_KEY: promotionKey },
    },
    {
        what: "promotion make with a key that is none",
        words: "promotion make --out SCRATCH/record.json",
        code: 1,
        env: { SIMULATION_DB_PROMOTION_KEY: wrongKey },
    },
    { what: "promotion check of another stack", words: "promotion check --from staging", code: 1 },
    { what: "bucket remove", words: "bucket remove", code: 0, stdin: JSON.stringify(bucketSettings) },
    { what: "ledger claim", words: "ledger claim", code: 0, stdin: "select '', '', '' where false" },
    { what: "ledger release that is refused", words: "ledger release", code: 1 },
    { what: "backup list of nothing", words: "backup list --folder nowhere", code: 0 },
    {
        what: "backup create without tools",
        words: "backup create --folder SCRATCH/backups",
        code: 1,
        env: { SIMULATION_DB_POSTGRES_BIN: "nowhere" },
    },
    {
        what: "backup verify of nothing",
        words: "backup verify --folder nowhere",
        code: 1,
        env: { VERIFY_PGPASSWORD: wrongPassword },
    },
];

/** The words of every command of the runner, as a person types them. */
function allWords({ commands: below }: CommandWord, before: readonly string[] = []): string[] {
    if (below.length === 0) return [before.join(" ")];
    return below.flatMap(command => allWords(command, [...before, command.name()]));
}

/** The texts of all files of a folder. */
async function textsIn(folder: string): Promise<string> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
    return (await Promise.all(files.map(file => readFile(file, "latin1")))).join("\n");
}

describe("passwords and keys, in the runner (PostgreSQL 15)", function () {
    this.timeout(240_000);
    let project: Project;
    let scratch: string;
    before(async function () {
        if (process.platform !== "linux") this.skip();
        scratch = await mkdtemp(join(tmpdir(), "simulation-db-secrets-"));
        project = await makeProject(15);
    });
    after(async () => {
        await project?.stop();
        if (scratch) await rm(scratch, { recursive: true, force: true });
    });

    const requireNone = (place: string, text: string) => {
        const [, keyLine = ""] = promotionKey.split("\n");
        for (const secret of [...project.target.secrets, wrongPassword, wrongKey, keyLine])
            assert.ok(!text.includes(secret), `${place} holds a secret`);
    };

    it("are looked for where they would be: a command line that holds one is seen", async () => {
        const watch = watchArguments();
        const run = project.start(`status --${wrongPassword}`);
        watch.look(run.child.pid);
        await run.outcome;
        assert.ok((await watch.stop()).some(line => line.includes(wrongPassword)));
    });

    it("are looked for after every command that the runner has", () => {
        const left = allWords(commandLine).filter(
            words => !commands.some(command => `${command.words} `.startsWith(`${words} `)),
        );
        assert.deepEqual(left, []);
    });

    for (const { what, words, code, stdin, env } of commands) {
        it(`are in no argument, output or file of: ${what}`, async () => {
            const typed = words.replace("SCRATCH", scratch);
            const watch = watchArguments();
            const run = project.start(typed, {
                ...(stdin === undefined ? {} : { stdin }),
                env: { TMPDIR: scratch, HOME: scratch, ...env },
            });
            watch.look(run.child.pid);
            const outcome = await run.outcome;
            const lines = await watch.stop();
            assert.equal(outcome.code, code, outcome.output);
            assert.ok(lines.some(line => line.includes(`main.ts ${typed}`)));
            requireNone("a command line", lines.join("\n"));
            requireNone("the output", outcome.output);
            requireNone("a temporary file", await textsIn(scratch));
            requireNone("the ledger", await ledgerText(project.target.admin));
        });
    }

    it("are in no argument, output or file of: backup create, with pg_dump below it", async function () {
        if (!(await installedTools(15))) this.skip();
        const watch = watchArguments();
        const folder = join(scratch, "backups");
        const outcome = await project.run(`backup create --folder ${folder}`, { env: { TMPDIR: scratch } });
        const lines = await watch.stop();
        assert.equal(outcome.code, 0, outcome.output);
        assert.ok(lines.some(line => /pg_dump/.test(line)));
        requireNone("a command line", lines.join("\n"));
        requireNone("the output", outcome.output);
        requireNone("the backup", await textsIn(scratch));
    });

    it("are in no argument, output or file of: backup verify, with pg_restore below it", async function () {
        if (!(await installedTools(15))) this.skip();
        const other = await testCluster({ major: 15 });
        try {
            const { PGHOST, PGPORT, PGUSER, PGPASSWORD } = other.environment;
            const env = { VERIFY_PGHOST: PGHOST, VERIFY_PGPORT: PGPORT, VERIFY_PGUSER: PGUSER, TMPDIR: scratch };
            for (const [password, code] of [
                [PGPASSWORD, 0],
                [wrongPassword, 1],
            ] as const) {
                const watch = watchArguments();
                const outcome = await project.run(`backup verify --folder ${join(scratch, "backups")}`, {
                    env: { ...env, VERIFY_PGPASSWORD: password },
                });
                const lines = await watch.stop();
                assert.equal(outcome.code, code, outcome.output);
                assert.equal(
                    lines.some(line => /pg_restore/.test(line)),
                    code === 0,
                );
                for (const text of [lines.join("\n"), outcome.output, await textsIn(scratch)]) {
                    requireNone("backup verify", text);
                    assert.ok(!text.includes(PGPASSWORD ?? ""));
                }
            }
        } finally {
            await other.stop();
        }
    });

    it("are not in the server's log", async () => {
        requireNone("the log", await project.target.cluster.log());
    });
});

describe("passwords and keys, in the stack (PostgreSQL 17)", function () {
    this.timeout(300_000);

    it("are in no argument, output, input, state or file, when an up fails, when one works, and after a destroy", async function () {
        if (process.platform !== "linux") this.skip();
        const target = await stackTarget({ major: 17 });
        const project = await stackProject({ environment: target.environment, sql: smallPlan });
        const watch = watchArguments();
        try {
            await project.newStack("dev", { databaseHost: "embedded", storageUrl: "embedded" });
            await project.write({
                "sql/0004_broken/up.sql": "-- Fails.\nselect missing;\n",
                "sql/0004_broken/down.sql": "-- Nothing is lost.\nselect 1;\n",
                "sql/0004_broken/verify.sql": "-- Nothing.\nselect 1;\n",
            });
            assert.notEqual((await project.up()).code, 0);
            await rm(join(project.dir, "sql/0004_broken"), { recursive: true });
            assert.equal((await project.up()).code, 0);
            const exported = (await project.must("stack", "export", "--show-secrets")).stdout;
            assert.deepEqual(await appliedVersions(target.admin), ["0001", "0002", "0003"]);
            // Programs of the preview that the engine has no part in: `npm run destroy -- --preview`, `npm run types`.
            let said = "";
            for (const [script, code, password] of [
                ["preview/destroy.ts", 0, target.environment.PGPASSWORD],
                ["preview/destroy.ts", 1, wrongPassword],
                ["preview/types.ts", 0, target.environment.PGPASSWORD],
                ["preview/types.ts", 1, wrongPassword],
            ] as const) {
                const child = spawn(process.execPath, [script], {
                    cwd: project.dir,
                    env: {
                        ...ownEnvironment(),
                        ...target.environment,
                        SIMULATION_DB_STACK: "simulation-db/dev",
                        PGPASSWORD: password,
                    },
                    stdio: ["ignore", "pipe", "pipe"],
                });
                const outcome = await outcomeOf(child);
                assert.equal(outcome.code, code, outcome.output);
                said += outcome.output;
            }
            const refused = { ...target.environment, PGPASSWORD: wrongPassword };
            project.environment = refused;
            assert.notEqual((await project.preview()).code, 0);
            project.environment = target.environment;
            const ledger = await ledgerText(target.admin);
            assert.equal((await project.destroy()).code, 0);
            const lines = await watch.stop();
            assert.ok(lines.some(line => /runner\/main\.ts migrate up/.test(line)));
            const places = {
                "a command line": lines.join("\n"),
                "what was printed": project.printed + said,
                "the state": exported,
                "what is on disk": await project.kept(),
                "the ledger": ledger,
                "the server's log": await target.cluster.log(),
            };
            for (const [place, text] of Object.entries(places)) {
                for (const secret of [...target.secrets, wrongPassword])
                    assert.ok(!text.includes(secret), `${place} holds a secret`);
            }
        } finally {
            await watch.stop();
            await project.remove();
            await target.stop();
        }
    });
});
