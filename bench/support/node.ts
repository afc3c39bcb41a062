import { spawn } from "node:child_process";
import { dirname, join } from "node:path";

/** The project's folder. */
export const root = dirname(dirname(import.meta.dirname));

/** What is imported is compiled once per machine (Node.js, module.enableCompileCache): for ours, floors and peers alike. */
export const compileCache = { NODE_COMPILE_CACHE: join(root, ".local", "node-cache") } as const;

/** A program that hangs ends the benchmark, in milliseconds. */
const limitMs = 600_000;

/** How a process ended well. */
export interface ProgramRun {
    /** From its start to its end, in milliseconds. */
    readonly tookMs: number;
    readonly stdout: string;
    readonly stderr: string;
}

/** How a program is run. */
export interface ProgramOptions {
    readonly cwd?: string;
    readonly env: Readonly<Record<string, string>>;
    readonly stdin?: string;
    /** Called with each piece that it prints on stdout, when it comes. */
    readonly onStdout?: (text: string) => void;
}

/**
 * Runs Node to its end, the same one that runs us, with these variables and none of the shell's that name a database.
 *
 * @throws Error with what it printed when it fails
 */
export async function runNode(args: readonly string[], options: ProgramOptions): Promise<ProgramRun> {
    return await runProgram(process.execPath, args, options);
}

/** The same for any program. */
export async function runProgram(
    command: string,
    args: readonly string[],
    options: ProgramOptions,
): Promise<ProgramRun> {
    const { cwd = root, env, stdin = "", onStdout } = options;
    const started = performance.now();
    const child = spawn(command, args, {
        cwd,
        env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
        stdio: ["pipe", "pipe", "pipe"],
        timeout: limitMs,
        killSignal: "SIGKILL",
    });
    const printed = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
        child[name].setEncoding("utf8").on("data", (text: string) => {
            printed[name] += text;
            if (name === "stdout") onStdout?.(text);
        });
    }
    // It may end without reading its stdin.
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
    const code = await new Promise<number | null>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", resolve);
    });
    const tookMs = performance.now() - started;
    if (code !== 0)
        throw new Error(`${[command, ...args].join(" ")} ended with ${code}:\n${printed.stdout}${printed.stderr}`);
    return { tookMs, ...printed };
}

/** The runner's main file. */
export const runnerMain = join(root, "runner", "main.ts");
