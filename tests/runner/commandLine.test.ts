import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { stackOf } from "../../runner/database/settings.ts";
import { startRun } from "../support/sqlProject.ts";

/** Nothing that is refused here gets as far as a database. */
const run = (command: string, stdin = "") => startRun(tmpdir(), command, { stdin }).outcome;

describe("the runner's command line", function () {
    this.timeout(60_000);

    for (const [command, option] of [
        ["migrate up --stdin --to 0003", "--to <version>"],
        ["migrate down --stdin --to 0003", "--to <version>"],
        ["backup create --stdin --keep 3", "--keep <count>"],
        ["backup create --stdin --folder elsewhere", "--folder <folder>"],
    ] as const) {
        it(`takes no option that stdin would go before: ${command}`, async () => {
            const { code, stderr } = await run(command);
            assert.equal(code, 1);
            assert.match(stderr, new RegExp(`^error: option '${option}' cannot be used with option '--stdin'$`, "m"));
        });
    }

    it("is a shell's where no stack is named, also by a variable that is empty", () => {
        const names = [{}, { SIMULATION_DB_STACK: "" }, { SIMULATION_DB_STACK: "p/dev" }].map(stackOf);
        assert.deepEqual(names, ["shell", "shell", "p/dev"]);
    });

    for (const count of ["0", "1001", "no"]) {
        it(`keeps as many backups as the stack may, and not ${count}`, async () => {
            const { code, stderr } = await run(`backup create --keep ${count}`);
            assert.equal(code, 1);
            assert.match(stderr, /A whole number from 1 to 1000 is needed\./);
        });
    }

    it("keeps 1000 backups where that is asked for", async () => {
        const { stderr } = await run("backup create --keep 1000");
        assert.match(stderr, /^PGHOST is not set/);
    });

    for (const [command, stdin] of [
        ["bucket put", ""],
        ["bucket put", "null"],
        ["bucket put", '{"name": "datasets"}'],
        ["bucket remove", "datasets"],
        ["bucket remove", "[]"],
        ["backup create --stdin", ""],
        ["backup create --stdin", "{}"],
    ] as const) {
        it(`says what has to come on stdin: ${command} with ${stdin || "nothing"}`, async () => {
            const { code, stderr } = await run(command, stdin);
            assert.equal(code, 1);
            assert.match(
                stderr,
                /^what came on stdin is not the JSON that is asked for: .+\n {2}→ .*(bucket (put|remove)|--keep)/,
            );
            assert.doesNotMatch(stderr, /^\s+at /m);
        });
    }

    it("shows an example of it that is taken", async () => {
        for (const command of ["bucket put", "bucket remove"]) {
            const [, example = ""] = / echo '(.*)' \| /.exec((await run(command)).stderr) ?? [];
            assert.match((await run(command, example)).stderr, /^PGHOST is not set/, command);
        }
    });
});
