import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Environment } from "../database/connection.ts";

/** How a program ended, and what it said. */
export interface ProgramOutcome {
    readonly exit: number;
    /** Standard output, unless it was taken, and standard error. */
    readonly output: string;
}

/**
 * Runs a program to its end, without a shell.
 *
 * @param take receives standard output as it comes; when it fails, the program is stopped
 * @throws Error when the program cannot be started, and what `take` throws
 */
export async function runProgram(
    program: string,
    args: readonly string[],
    environment: Environment,
    take?: (stdout: Readable) => Promise<void>,
): Promise<ProgramOutcome> {
    const child = spawn(program, args, { env: { ...environment }, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const note = (chunk: string) => {
        output += chunk;
    };
    child.stderr.setEncoding("utf8").on("data", note);
    if (!take) child.stdout.setEncoding("utf8").on("data", note);
    const ended = new Promise<number>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", code => resolve(code ?? 1));
    });
    const taken = take?.(child.stdout).catch(error => {
        child.kill();
        throw error;
    });
    const [exit] = await Promise.all([ended, taken]);
    return { exit, output };
}
