import assert from "node:assert/strict";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Outcome, outcomeOf, PLUGINS, type Program, type StoredResource, withProgram } from "../support/engine.ts";

/** Declares the commands of `commands.json`; `{ "$secret": text }` is a secret, `{ "$stdoutOf": name }` is another's output. */
const INDEX = `
import { readFileSync } from "node:fs";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

const made = {};
const resolve = value => {
    if (Array.isArray(value)) return value.map(resolve);
    if (typeof value !== "object" || value === null) return value;
    if ("$secret" in value) return pulumi.secret(value.$secret);
    if ("$stdoutOf" in value) return made[value.$stdoutOf].stdout;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolve(inner)]));
};
for (const [name, args] of Object.entries(JSON.parse(readFileSync("commands.json", "utf8")))) {
    made[name] = new command.local.Command(name, resolve(args));
}
`;

type Commands = Record<string, Record<string, unknown>>;

describe(`command:local:Command of the ${PLUGINS} plugin`, function () {
    this.timeout(180_000);

    let program: Program;

    before(async () => {
        program = await withProgram(
            { "index.js": INDEX },
            { environment: { AMBIENT: "from outside", BOTH: "ambient" } },
        );
        await mkdir(join(program.dir, "below"));
    });
    after(() => program?.remove());

    const declare = (commands: Commands) => program.write({ "commands.json": JSON.stringify(commands) });

    /** What the commands wrote to log.txt since the last call. */
    const logged = async (): Promise<string[]> => {
        const file = join(program.dir, "log.txt");
        const text = await readFile(file, "utf8").catch(() => "");
        await rm(file, { force: true });
        return text.split("\n").filter(line => line !== "");
    };

    const stored = async (): Promise<Record<string, StoredResource>> =>
        Object.fromEntries((await program.state()).map(resource => [resource.urn.split("::").at(-1), resource]));

    describe("create", () => {
        const commands: Commands = {
            plain: {
                create: `echo "plain in $(pwd)" >> log.txt; echo shown; printf 'two\\n\\n'; echo to stderr >&2`,
                delete: `echo "plain gone after $PULUMI_COMMAND_STDOUT" >> log.txt`,
            },
            inputs: {
                create: `printf '%s|' "$AMBIENT" "$BOTH" "$OWN" "$(cat)"`,
                environment: { BOTH: "own", OWN: { $secret: "hush-environment" } },
                stdin: { $secret: "hush-stdin" },
            },
            elsewhere: { create: "pwd; echo $0", dir: "below", interpreter: ["/bin/sh", "-e", "-c"] },
            silent: { create: "echo unheard-of; echo unheard-of >&2", logging: "none" },
            half: { create: "echo heard-out; echo unheard-err >&2", logging: "stdout" },
            follower: { create: "cat", stdin: { $stdoutOf: "plain" } },
            idle: { delete: "echo idle gone >> log.txt" },
        };
        const broken = { create: "echo before; echo broken tried >> log.txt; echo why >&2; exit 3" };
        let up: Outcome;
        let resources: Record<string, StoredResource>;

        it("a preview runs nothing, also where an input is only known later", async () => {
            await declare(commands);
            const preview = await program.preview();
            assert.equal(preview.code, 0, preview.output);
            assert.match(preview.output, /8 to create/);
            assert.deepEqual(await logged(), []);
            up = await program.up();
            assert.equal(up.code, 0, up.output);
            resources = await stored();
        });

        it("it runs where the program is, with /bin/sh, and keeps both streams without their last newline", () => {
            assert.equal(resources.plain?.outputs.stdout, "shown\ntwo\n");
            assert.equal(resources.plain?.outputs.stderr, "to stderr");
        });

        it("its environment is the ambient one with its own on top; stdin is what it is given", () => {
            assert.equal(resources.inputs?.outputs.stdout, "from outside|own|hush-environment|hush-stdin|");
        });

        it("dir and interpreter are taken", () => {
            assert.equal(resources.elsewhere?.outputs.stdout, `${join(program.dir, "below")}\n/bin/sh`);
        });

        it("an output that was unknown in the preview arrives", () => {
            assert.equal(resources.follower?.outputs.stdin, "shown\ntwo\n");
            assert.equal(resources.follower?.outputs.stdout, "shown\ntwo");
        });

        it("without a create nothing runs and nothing was printed", () => {
            assert.equal(resources.idle?.outputs.stdout, "");
            assert.equal(resources.idle?.outputs.stderr, "");
        });

        it("each line is shown beside the resource, unless logging says otherwise; outputs keep them all", () => {
            assert.match(up.output, /plain.*shown$/m);
            assert.match(up.output, /plain.*to stderr$/m);
            assert.match(up.output, /half.*heard-out$/m);
            assert.doesNotMatch(up.output, /unheard/);
            assert.equal(resources.silent?.outputs.stdout, "unheard-of");
            assert.equal(resources.half?.outputs.stderr, "unheard-err");
        });

        it("a failing command fails the step with its exit status, its text and all that it printed", async () => {
            await declare({ ...commands, broken });
            const failed = await program.up();
            assert.notEqual(failed.code, 0);
            const words = `exit status 3: running ${JSON.stringify(broken.create)}:`;
            assert.ok(failed.output.includes(words), failed.output);
            assert.match(failed.output, /^\s*before\n\s*why$/m);
        });

        it("a failed create leaves nothing in the state, what it did stays, and the next up creates again", async () => {
            assert.equal((await stored()).broken, undefined);
            assert.ok((await logged()).includes("broken tried"));
            const again = await program.preview();
            assert.match(again.output, /1 to create/);
        });

        it("secret inputs are secret in the state, and what a command prints of them is in clear", async () => {
            const { inputs } = resources.inputs ?? {};
            assert.doesNotMatch(JSON.stringify(inputs), /hush/);
            assert.match(JSON.stringify(inputs), /ciphertext/);
            assert.match(String(resources.inputs?.outputs.stdout), /hush-stdin/);
        });
    });

    describe("update", () => {
        const log = (word: string) =>
            `echo "$NAME ${word} $KEY [$(cat)] after $PULUMI_COMMAND_STDOUT" >> log.txt; echo ${word}`;
        const commands = (key: string): Commands => ({
            three: {
                create: log("create"),
                update: log("update"),
                delete: log("delete"),
                environment: { NAME: "three", KEY: key },
                stdin: key,
            },
            two: { create: log("create"), delete: log("delete"), environment: { NAME: "two", KEY: key } },
            deaf: {
                create: log("create"),
                update: log("update"),
                environment: { NAME: "deaf", KEY: key },
                addPreviousOutputInEnv: false,
            },
            texts: {
                create: log("create"),
                update: log("update"),
                delete: `echo ${key}`,
                environment: { NAME: "texts" },
            },
            replaced: {
                create: log("create"),
                update: log("update"),
                delete: log("delete"),
                environment: { NAME: "replaced", KEY: key },
                stdin: key,
                triggers: [key, { deep: [1] }],
            },
            fragile: {
                create: "true",
                update: `echo fragile tried >> log.txt; [ "$KEY" = new ] && exit 1; true`,
                environment: { KEY: key },
            },
        });
        let lines: string[];

        before(async () => {
            await declare(commands("old"));
            const first = await program.up();
            assert.equal(first.code, 0, first.output);
            await logged();
            await declare({ ...commands("new"), fragile: commands("old").fragile ?? {} });
            const second = await program.up();
            assert.equal(second.code, 0, second.output);
            lines = await logged();
        });

        it("a changed environment or stdin runs update with the new inputs and the last output", () => {
            assert.ok(lines.includes("three update new [new] after create"), lines.join("\n"));
            assert.equal(lines.filter(line => line.startsWith("three ")).length, 1);
        });

        it("without an update, create runs again", () => {
            assert.ok(lines.includes("two create new [] after create"), lines.join("\n"));
        });

        it("the last output is left out where it is not wanted", () => {
            assert.ok(lines.includes("deaf update new [] after "), lines.join("\n"));
        });

        it("a changed text of delete alone is an update as well", () => {
            assert.ok(lines.includes("texts update  [] after create"), lines.join("\n"));
        });

        it("changed triggers create the new one first, then run the old delete with the old environment and stdin", () => {
            const own = lines.filter(line => line.startsWith("replaced "));
            assert.deepEqual(own, ["replaced create new [new] after ", "replaced delete old [old] after create"]);
        });

        it("a failed update keeps the old inputs, so putting them back is no change at all", async () => {
            await declare(commands("new"));
            const failed = await program.up();
            assert.notEqual(failed.code, 0);
            assert.deepEqual(await logged(), ["fragile tried"]);
            assert.deepEqual((await stored()).fragile?.inputs.environment, { KEY: "old" });
            await declare({ ...commands("new"), fragile: commands("old").fragile ?? {} });
            const back = await program.preview();
            assert.equal(back.code, 0, back.output);
            assert.match(back.output, /7 unchanged/);
        });

        it("a refresh runs nothing and finds no drift", async () => {
            const refresh = await program.refresh();
            assert.equal(refresh.code, 0, refresh.output);
            assert.match(refresh.output, /7 unchanged/);
            assert.deepEqual(await logged(), []);
        });
    });

    describe("delete", () => {
        before(async () => {
            await declare({
                stored: {
                    create: "echo first",
                    update: "echo second; exit 1",
                    delete: `echo "stored gone with $KEY [$(cat)] after $PULUMI_COMMAND_STDOUT$PULUMI_COMMAND_STDERR" >> log.txt`,
                    environment: { KEY: { $secret: "old" } },
                    stdin: { $secret: "old" },
                },
                // Fails once the other one is at it, which is then to come to its end.
                stubborn: {
                    create: "true",
                    delete: `[ "$MAY_GO" = yes ] || { for n in $(seq 600); do [ -s log.txt ] && break; sleep 0.1; done; sleep 0.5; false; }`,
                },
                silent: { create: "true" },
            });
            const up = await program.up();
            assert.equal(up.code, 0, up.output);
            await logged();
            await declare({ stored: { create: "false", delete: "false" } });
        });

        it("what was stored runs, whatever the program says now; a failed one stays and independent ones go on", async () => {
            const destroy = await program.destroy();
            assert.notEqual(destroy.code, 0);
            assert.match(destroy.output, /exit status 1: running "\[ \\"\$MAY_GO/);
            assert.deepEqual(await logged(), ["stored gone with old [old] after first"]);
            assert.deepEqual(Object.keys(await stored()), ["stubborn"]);
        });

        it("the ambient environment is that of the destroy", async () => {
            program.environment.MAY_GO = "yes";
            const destroy = await program.destroy();
            assert.equal(destroy.code, 0, destroy.output);
            assert.deepEqual(await stored(), {});
        });
    });

    describe("cancelling", () => {
        it("kills the command and leaves nothing in the state", async () => {
            await declare({ endless: { create: "echo $$ > pid.txt; exec sleep 600" } });
            const engine = program.launch("up", "--yes", "--skip-preview");
            const outcome = outcomeOf(engine);
            let pid = 0;
            while (pid === 0) {
                await delay(50);
                assert.equal(engine.exitCode, null, "the engine ended before the command had begun");
                pid = Number(await readFile(join(program.dir, "pid.txt"), "utf8").catch(() => "0"));
            }
            engine.kill("SIGINT");
            const { code, output } = await outcome;
            assert.notEqual(code, 0, output);
            assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
            assert.deepEqual(await stored(), {});
        });
    });

    (PLUGINS === "official" ? describe.skip : describe)("what only the official plugin does", () => {
        const HOW = /pulumi plugin install resource command 1\.2\.1/;

        const refused = async (on: Program, statement: string): Promise<string> => {
            await on.write({ "index.js": `import * as command from "@pulumi/command";\n${statement};\n` });
            const { code, output } = await on.preview();
            assert.notEqual(code, 0, output);
            assert.match(output, HOW);
            return output;
        };

        it("is refused in the preview by name, with the way to get that plugin", async () => {
            const remote = `new command.remote.Command("far", { connection: { host: "localhost" }, create: "true" })`;
            assert.match(await refused(program, remote), /does not know resources of type command:remote:Command/);
            const invoke = `await command.local.run({ command: "true" })`;
            assert.match(await refused(program, invoke), /does not know the function command:local:run/);
        });

        it("is refused on stack prod", async () => {
            const other = await withProgram({}, { stack: "prod" });
            try {
                const output = await refused(other, `new command.local.Command("any", { create: "true" })`);
                assert.match(output, /does not work on stack prod/);
            } finally {
                await other.remove();
            }
        });
    });
});
