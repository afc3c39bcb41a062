import { join } from "node:path";
import { shortName } from "../runner/database/settings.ts";
import { explain, UserError } from "../runner/userError.ts";
import { runCaptured, runForeground } from "./child.ts";
import { evalLines } from "./environment.ts";
import { withBackup } from "./chosenSteps.ts";
import { afterInterrupted } from "./interrupted.ts";
import { author, checkSettings, program, programOf } from "./programs.ts";
import { type Ready, ready, root, say } from "./ready.ts";
import { readStackFile, type StackFile, stackNames } from "./stackFile.ts";

// The verbs of `npm run` that are more than a program. Each returns an exit code.

/** The engine's verb of that name. */
export async function withEngine(verb: string, name: string, args: readonly string[]): Promise<number> {
    return await pulumi(await ready(name), verb, args);
}

async function pulumi({ stack, cli, env }: Ready, verb: string, args: readonly string[]): Promise<number> {
    const engine = { root, stack: stack.name, command: cli.command, env: { ...env, ...stack.place }, say };
    const given = verb === "up" ? withBackup(stack, args) : args;
    const command = [verb, "--stack", stack.name, ...given];
    return await afterInterrupted(engine, command, () => runForeground(cli.command, command, { cwd: root, env }));
}

/** The local database, a preview and an up. @throws UserError for a stack that has a database of its own */
export async function start(name: string): Promise<number> {
    if (!readStackFile(root, name).embedded) {
        throw new UserError(`start is for the local database only; the stack ${name} has one of its own.`, [
            `npm run preview -- --stack ${name}`,
            `npm run up -- --stack ${name}`,
        ]);
    }
    const all = await ready(name);
    const code =
        (await pulumi(all, "preview", [])) ||
        // The preview was shown a moment ago.
        (await pulumi(all, "up", ["--yes", "--skip-preview"]));
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

/** Against the database of a stack that is named, else against an embedded PostgreSQL of its own, as `dev` has it. */
export async function checkSql(name: string | undefined, args: readonly string[]): Promise<number> {
    const settings = checkSettings(name ?? "dev");
    if (name === undefined) return await author("check:sql", args, settings);
    return await program("authoring/main.ts", name, ["check:sql", "--target", ...args], settings);
}

/** The engine's, or with --preview what it would do to the schema and to the resources. */
export async function destroy(name: string, args: readonly string[]): Promise<number> {
    const rest = args.filter(argument => argument !== "--preview");
    const all = await ready(name);
    if (rest.length === args.length) return await pulumi(all, "destroy", args);
    // What happens to the schema first: of that the engine knows nothing.
    return (
        (await program("preview/destroy.ts", name, [])) || (await pulumi(all, "destroy", ["--preview-only", ...rest]))
    );
}

/** Of one stack, or with --all of each that has a file. */
export async function status(name: string, args: readonly string[]): Promise<number> {
    const rest = args.filter(argument => argument !== "--all");
    if (rest.length === args.length) return await program("preview/status.ts", name, args);
    const { statusOfAll } = await import("./statusOfAll.ts");
    return await statusOfAll(stackNames(root), rest, async stack => {
        const { script, env } = await programOf("preview/status.ts", stack);
        return await runCaptured(process.execPath, [script, "--json"], { cwd: root, env, seconds: 120 });
    });
}

/** What a pipeline does, with the same commands as a person. */
export async function ci(job: string, name: string, confirm: string | undefined): Promise<number> {
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
        const publication = { stack: shortName(name), text: stoppedText(error) };
        await publish(publication, { env: process.env, say }).catch((fault: unknown) => say(explain(fault)));
        throw error;
    }
}

/** Ends the local servers. */
export async function stop(): Promise<number> {
    const { stopLocal } = await import("../local/server.ts");
    await stopLocal(root, say);
    return 0;
}

/** Prints what plain pulumi and psql need. */
export async function env(name: string): Promise<number> {
    const { variables, env: whole } = await ready(name);
    const gone = Object.keys(process.env).filter(each => !(each in whole));
    process.stdout.write(evalLines(variables, gone));
    return 0;
}
