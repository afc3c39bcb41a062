import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { explain, UserError } from "../runner/userError.ts";
import { runCaptured, runForeground } from "./child.ts";
import {
    ambientFor,
    evalLines,
    localPulumiHome,
    localStateFolder,
    pulumiHomeOf,
    standInsServe,
    variablesOf,
} from "./environment.ts";
import { clearInterrupted } from "./interrupted.ts";
import { ensurePlugins } from "./plugins.ts";
import { ensurePulumi, type PulumiCli } from "./pulumiCli.ts";
import { readStackFile, type StackFile, stackNames } from "./stackFile.ts";

const root = dirname(import.meta.dirname);

/** Progress goes to standard error: standard output is for what a command is asked for. */
function say(line: string): void {
    process.stderr.write(`toolchain: ${line}\n`);
}

/** A stack with all that is needed to run the engine on it. */
interface Ready {
    readonly stack: StackFile;
    readonly cli: PulumiCli;
    /** What `npm run env` prints. */
    readonly variables: Record<string, string>;
    /** The whole environment of a child: the ambient one and the variables. */
    readonly env: NodeJS.ProcessEnv;
}

async function ready(name: string): Promise<Ready> {
    const stack = readStackFile(root, name);
    useLocalFolder();
    const ambient = ambientFor(root, stack, process.env);
    const server = stack.embedded ? await startServer(stack) : undefined;
    const cli = await ensurePulumi({ root, env: ambient, say });
    const pulumiHome = pulumiHomeOf(root, stack, process.env);
    await ensurePlugins({ root, env: ambient, say, cli, pulumiHome, standIns: standInsServe(stack, process.env) });
    const variables = variablesOf(root, stack, { cli, server, env: ambient });
    const all = { stack, cli, variables, env: { ...ambient, ...variables } };
    if (stack.embedded) await createLocalStack(all);
    return all;
}

async function startServer({ major, shape }: StackFile) {
    // Loaded only where it is needed: other stacks have a database of their own.
    const { startLocal } = await import("../local/server.ts");
    return await startLocal({ root, major, shape, say });
}

/** State, packages and the engine live in .local: one account must own it. */
function useLocalFolder(): void {
    for (const folder of [join(root, ".local"), join(root, ".local", "pulumi")]) {
        try {
            mkdirSync(folder, { recursive: true });
            accessSync(folder, constants.W_OK);
        } catch {
            const owner = statSync(existsSync(folder) ? folder : root).uid;
            throw new UserError(`You may not write in ${folder}: it belongs to user number ${owner}.`, [
                "Run this as that user, or give it to yourself: chown -R $(id -u) .local",
            ]);
        }
    }
}

async function createLocalStack({ stack, cli, env }: Ready): Promise<void> {
    mkdirSync(localPulumiHome(root), { recursive: true });
    mkdirSync(localStateFolder(root), { recursive: true });
    // The engine's own file: looking for it is 200 ms cheaper than asking the engine.
    if (existsSync(join(localStateFolder(root), ".pulumi", "stacks", "simulation-db", `${stack.name}.json`))) return;
    const args = ["stack", "select", "--create", stack.name, "--non-interactive"];
    const { problem, stdout, stderr } = await runCaptured(cli.command, args, { cwd: root, env, seconds: 120 });
    if (problem === undefined) return;
    throw new UserError(
        `The local stack ${stack.name} could not be created: ${`${stdout}${stderr}`.trim() || problem}`,
    );
}

async function pulumi({ stack, cli, env }: Ready, verb: readonly string[], args: readonly string[]): Promise<number> {
    const engine = { root, stack: stack.name, command: cli.command, env: { ...env, ...stack.place }, say };
    await clearInterrupted(engine, verb[0] ?? "");
    return await runForeground(cli.command, [...verb, "--stack", stack.name, ...args], { cwd: root, env });
}

async function start(name: string): Promise<number> {
    if (!readStackFile(root, name).embedded) {
        throw new UserError(`start is for the local database only; the stack ${name} has one of its own.`, [
            `npm run preview -- --stack ${name}`,
            `npm run up -- --stack ${name}`,
        ]);
    }
    const all = await ready(name);
    const code =
        (await pulumi(all, ["preview"], [])) ||
        // The preview was shown a moment ago.
        (await pulumi(all, ["up"], ["--yes", "--skip-preview"]));
    if (code !== 0) return code;
    const option = name === "dev" ? "" : ` -- --stack ${name}`;
    const next: [string, string][] = [
        [`npm run status${option}`, "what is applied, by whom and when"],
        [`npm run preview${option}`, "what the next `up` would change"],
        [`npm run up${option}`, "apply it"],
        [`npm run destroy${option}`, "roll everything back"],
        [`eval "$(npm run -s env${option})"`, "then pulumi and psql work as they are"],
        ["npm run stop", "end the local servers; the data stays"],
    ];
    const width = Math.max(...next.map(([command]) => command.length));
    console.log(["", "Next:", ...next.map(([command, use]) => `    ${command.padEnd(width)}   ${use}`)].join("\n"));
    return 0;
}

/** A program of this project on the database of a stack; the engine has no part in it. */
async function program(
    script: string,
    name: string,
    args: readonly string[],
    more: Readonly<Record<string, string>> = {},
): Promise<number> {
    const { script: file, env } = await programOf(script, name);
    return await runForeground(process.execPath, [file, ...args], { cwd: root, env: { ...env, ...more } });
}

/** Where it is, and what it must have in its environment. */
async function programOf(script: string, name: string): Promise<{ script: string; env: NodeJS.ProcessEnv }> {
    const stack = readStackFile(root, name);
    const ambient = ambientFor(root, stack, process.env);
    useLocalFolder();
    const server = stack.embedded ? await startServer(stack) : undefined;
    const env = {
        ...ambient,
        ...stack.place,
        ...variablesOf(root, stack, { cli: undefined, server, env: ambient }),
        // For `check`, which signs in as users that it makes up.
        ...(server ? { SUPABASE_JWT_SECRET: server.jwtSecret, SUPABASE_ANON_KEY: server.anonKey } : {}),
        // For `status`, which asks nobody else where they are.
        SIMULATION_DB_BACKUP_FOLDER: stack.values.backup === "off" ? "" : stack.values.backupFolder,
    };
    return { script: join(root, script), env };
}

/** A program for authors: it needs no stack. */
async function author(verb: string, args: readonly string[], more: Record<string, string> = {}): Promise<number> {
    return await runForeground(process.execPath, [join(root, "authoring/main.ts"), verb, ...args], {
        cwd: root,
        env: { ...process.env, ...more },
    });
}

/** What a stack's file says of checks, for programs that do not read it. */
function checkSettings(name: string): Record<string, string> {
    const { major, shape, values } = readStackFile(root, name);
    const { gates, maxLockMs, requireVerified, drift } = values;
    const exposedSchemas = values.exposedSchemas.split(",");
    const review = { gates, maxLockMs, exposedSchemas, requireVerified, drift };
    return { SIMULATION_DB_CHECK_SETTINGS: JSON.stringify({ major, shape, review }) };
}

/** Against the database of a stack that is named, else against an embedded PostgreSQL of its own, as `dev` has it. */
async function checkSql(name: string | undefined, args: readonly string[]): Promise<number> {
    const settings = checkSettings(name ?? "dev");
    if (name === undefined) return await author("check:sql", args, settings);
    return await program("authoring/main.ts", name, ["check:sql", "--target", ...args], settings);
}

async function destroy(name: string, args: readonly string[]): Promise<number> {
    const rest = args.filter(argument => argument !== "--preview");
    const all = await ready(name);
    if (rest.length === args.length) return await pulumi(all, ["destroy"], args);
    // What happens to the schema first: of that the engine knows nothing.
    return (await program("preview/destroy.ts", name, [])) || (await pulumi(all, ["destroy", "--preview-only"], rest));
}

/** Of one stack, or with --all of each that has a file. */
async function status(name: string, args: readonly string[]): Promise<number> {
    const rest = args.filter(argument => argument !== "--all");
    if (rest.length === args.length) return await program("preview/status.ts", name, args);
    const { statusOfAll } = await import("./statusOfAll.ts");
    return await statusOfAll(stackNames(root), rest, async stack => {
        const { script, env } = await programOf("preview/status.ts", stack);
        return await runCaptured(process.execPath, [script, "--json"], { cwd: root, env, seconds: 120 });
    });
}

/** What a pipeline does, with the same commands as a person. */
async function ci(job: string, name: string, confirm: string | undefined): Promise<number> {
    const { runJob } = await import("./pipeline/jobs.ts");
    const { reportFolder } = await import("../preview/report/presentation.ts");
    const stack = await readStackOrPublish(name);
    // It is for the comment: no other program is handed it.
    const { GITHUB_TOKEN: _, ...env } = process.env;
    const child = async (command: string, args: readonly string[]) =>
        await runForeground(command, args, { cwd: root, env });
    return await runJob(job, {
        stack,
        reports: join(root, reportFolder(name)),
        confirm,
        env: process.env,
        // check:sql is quick because it asks no stack, unless it is told to.
        run: async (verb, ...args) =>
            await child(process.execPath, [
                join(root, "toolchain/main.ts"),
                verb,
                ...(verb === "check:sql" ? [] : ["--stack", name]),
                ...args,
            ]),
        tests: async () => await child("bash", [join(root, ".ci/run")]),
        say,
    });
}

/** A file with faults ends the job before it has begun: the report of an earlier commit must not go on looking current. */
async function readStackOrPublish(name: string): Promise<StackFile> {
    try {
        return readStackFile(root, name);
    } catch (error) {
        const { publish } = await import("./pipeline/publication.ts");
        const { stoppedText } = await import("../preview/report/stopped.ts");
        const publication = { stack: name.split("/").at(-1) ?? name, text: stoppedText(error) };
        await publish(publication, { env: process.env, say }).catch((fault: unknown) => say(explain(fault)));
        throw error;
    }
}

async function stop(): Promise<number> {
    const { stopLocal } = await import("../local/server.ts");
    await stopLocal(root, say);
    return 0;
}

async function env(name: string): Promise<number> {
    const { variables, env: whole } = await ready(name);
    const gone = Object.keys(process.env).filter(each => !(each in whole));
    process.stdout.write(evalLines(variables, gone));
    return 0;
}

const commandLine = new Command("npm run")
    .description("The stack, with the engine and, for local stacks, the database brought along.")
    .showHelpAfterError();

/** For commands that ask no stack. */
function plain(name: string, description: string, run: (args: string[]) => Promise<number>): Command {
    return commandLine
        .command(name)
        .description(description)
        .action(async (_options: object, self: Command) => {
            process.exitCode = await run(self.args);
        });
}

function command(name: string, description: string, run: (stack: string, args: string[]) => Promise<number>): Command {
    return commandLine
        .command(name)
        .description(description)
        .option("-s, --stack <stack>", "the stack: Pulumi.<stack>.yaml", "dev")
        .action(async (options: { stack: string }, self: Command) => {
            process.exitCode = await run(options.stack, self.args);
        });
}

/** For commands that hand on what they do not know themselves. */
function passing(made: Command, to: string): void {
    const stack = made.options.length > 0 ? "[--stack <stack>] " : "";
    made.usage(`${stack}[arguments of ${to}]`).allowUnknownOption().allowExcessArguments();
}

const withStack = async (verb: string, stack: string, args: string[]) => await pulumi(await ready(stack), [verb], args);
command("start", "start the local database, preview, apply, and say what to do next", start);
plain("stop", "end the local database and its Storage endpoint; the data stays", stop);
passing(
    command("preview", "show what would change", (stack, args) => withStack("preview", stack, args)),
    "pulumi preview",
);
passing(
    command("up", "apply what preview shows", (stack, args) => withStack("up", stack, args)),
    "pulumi up",
);
passing(command("destroy", "roll everything back; with --preview: show what that would do", destroy), "pulumi destroy");
command("types", "write the supabase-js type of the schema as it will be after what is pending", (stack, args) =>
    program("preview/types.ts", stack, args),
)
    .usage("[--stack <stack>] [--out <file>] [--schema <names>] [--check]")
    .allowUnknownOption()
    .allowExcessArguments();
for (const [verb, description] of [
    ["check", "try what an application will do: what must work works, what must not is refused"],
    ["audit", "list files without a dataset, datasets without a file, and what changed in the bucket's settings"],
] as const) {
    passing(
        command(verb, description, (stack, args) => program("runner/main.ts", stack, [verb, ...args])),
        `node runner/main.ts ${verb}`,
    );
}
passing(
    command("status", "show what is applied and pending, drift, the last backup and the archive", status),
    "node preview/status.ts",
);
passing(
    command("promotion", "write the record of what has run in this stack, for the one after it", (stack, args) =>
        program("runner/main.ts", stack, ["promotion", "make", ...args]),
    ),
    "node runner/main.ts promotion make",
);
passing(
    plain("new", "make the files of the next migration", args => author("new", args)),
    "node authoring/main.ts new",
);
passing(
    command(
        "propose-down",
        "fill down.sql and verify.sql of a migration of which only up.sql is written",
        (stack, args) => author("propose-down", args, checkSettings(stack)),
    ),
    "node authoring/main.ts propose-down",
);
passing(
    plain("adopt", "look at a project that is there, say which migrations match it, and write its stack file", args =>
        author("adopt", args, checkSettings("dev")),
    ),
    "node authoring/main.ts adopt",
);
passing(
    commandLine
        .command("check:sql")
        .description("find out all that can be known of migrations, on an embedded PostgreSQL or a stack's target")
        .option("-s, --stack <stack>", "what is pending there, with the sizes of its tables")
        .action(async ({ stack }: { stack?: string }, self: Command) => {
            process.exitCode = await checkSql(stack, self.args);
        }),
    "node authoring/main.ts check:sql",
);
commandLine
    .command("ci")
    .description("one job of a pipeline: check, preview, up, drift, destroy")
    .argument("<job>")
    .option("-s, --stack <stack>", "the stack: Pulumi.<stack>.yaml", "dev")
    .option("--confirm <stack>", "for destroy: the stack's name once more")
    .action(async (job: string, { stack, confirm }: { stack: string; confirm?: string }) => {
        process.exitCode = await ci(job, stack, confirm);
    });
command("env", "print what plain pulumi and psql need, for eval", env);

try {
    await commandLine.parseAsync();
} catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
}
