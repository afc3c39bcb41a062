import { join } from "node:path";
import { reviewOf, runnerSettings } from "../configKeys.ts";
import { runForeground } from "./child.ts";
import { ambientFor, variablesOf } from "./environment.ts";
import { root, startServer, useLocalFolder } from "./ready.ts";
import { readStackFile } from "./stackFile.ts";

/**
 * Runs a program of this project on the database of a stack; the engine has no part in it.
 *
 * @returns its exit code
 */
export async function program(
    script: string,
    name: string,
    args: readonly string[],
    more: Readonly<Record<string, string>> = {},
): Promise<number> {
    const { script: file, env } = await programOf(script, name);
    return await runForeground(process.execPath, [file, ...args], { cwd: root, env: { ...env, ...more } });
}

/** Where it is, and what it must have in its environment. */
export async function programOf(script: string, name: string): Promise<{ script: string; env: NodeJS.ProcessEnv }> {
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
        // As the stack itself says it to the runner.
        ...runnerSettings(stack.values),
        // For `status`, which asks nobody else where they are.
        SIMULATION_DB_BACKUP_FOLDER: stack.values.backup === "off" ? "" : stack.values.backupFolder,
    };
    return { script: join(root, script), env };
}

/** Runs a verb of authoring/, which needs no stack. @returns its exit code */
export async function author(
    verb: string,
    args: readonly string[],
    more: Record<string, string> = {},
): Promise<number> {
    return await runForeground(process.execPath, [join(root, "authoring/main.ts"), verb, ...args], {
        cwd: root,
        env: { ...process.env, ...more },
    });
}

/** What a stack's file says of checks, for programs that do not read it. */
export function checkSettings(name: string): Record<string, string> {
    const { major, shape, values } = readStackFile(root, name);
    return { SIMULATION_DB_CHECK_SETTINGS: JSON.stringify({ major, shape, review: reviewOf(values) }) };
}
