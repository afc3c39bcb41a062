import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LocalServer } from "../local/server.ts";
import { shortName } from "../runner/database/settings.ts";
import { UserError } from "../runner/userError.ts";
import { runCaptured } from "./child.ts";
import {
    ambientFor,
    localPulumiHome,
    localStateFolder,
    pulumiHomeOf,
    standInsServe,
    variablesOf,
} from "./environment.ts";
import { ensurePlugins } from "./plugins.ts";
import { ensurePulumi, type PulumiCli } from "./pulumiCli.ts";
import { readStackFile, type StackFile } from "./stackFile.ts";
import { project } from "./stepUrn.ts";

/** The folder of this project. */
export const root = dirname(import.meta.dirname);

/** Progress goes to standard error: standard output is for what a command is asked for. */
export function say(line: string): void {
    process.stderr.write(`toolchain: ${line}\n`);
}

/** A stack with all that is needed to run the engine on it. */
export interface Ready {
    readonly stack: StackFile;
    readonly cli: PulumiCli;
    /** What `npm run env` prints. */
    readonly variables: Record<string, string>;
    /** The whole environment of a child: the ambient one and the variables. */
    readonly env: NodeJS.ProcessEnv;
}

/**
 * Brings along what the engine needs for a stack; of a local one, starts the database too.
 *
 * @throws UserError for a stack without a file, a file with faults, and whatever cannot be had
 */
export async function ready(name: string): Promise<Ready> {
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

/** Starts the local database, or finds it running. */
export async function startServer({ major, shape }: StackFile): Promise<LocalServer> {
    // Loaded only where it is needed: other stacks have a database of their own.
    const { startLocal } = await import("../local/server.ts");
    return await startLocal({ root, major, shape, say });
}

/**
 * State, packages and the engine live in .local: one account must own it.
 *
 * @throws UserError when that is another one
 */
export function useLocalFolder(): void {
    for (const folder of [join(root, ".local"), join(root, ".local", "pulumi")]) {
        try {
            mkdirSync(folder, { recursive: true });
            accessSync(folder, constants.W_OK);
        } catch {
            const owner = statSync(existsSync(folder) ? folder : root).uid;
            throw new UserError(`You may not write in ${folder}: it belongs to user number ${owner}.`, [
                "Run this as that user, or give it to yourself: sudo chown -R $(id -u) .local",
            ]);
        }
    }
}

async function createLocalStack({ stack, cli, env }: Ready): Promise<void> {
    mkdirSync(localPulumiHome(root), { recursive: true });
    mkdirSync(localStateFolder(root), { recursive: true });
    // The engine's own file: looking for it is 200 ms cheaper than asking the engine.
    if (existsSync(join(localStateFolder(root), ".pulumi", "stacks", project, `${shortName(stack.name)}.json`))) return;
    const args = ["stack", "select", "--create", stack.name, "--non-interactive"];
    const { problem, stdout, stderr } = await runCaptured(cli.command, args, { cwd: root, env, seconds: 120 });
    if (problem === undefined) return;
    throw new UserError(
        `The local stack ${stack.name} could not be created: ${`${stdout}${stderr}`.trim() || problem}`,
    );
}
