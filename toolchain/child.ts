import { spawn } from "node:child_process";
import { constants } from "node:os";

export interface ChildOptions {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
}

/** What a program printed and how it ended; `problem` is undefined when it ended well. */
export interface Captured {
    readonly stdout: string;
    readonly stderr: string;
    readonly problem: string | undefined;
}

/** A second signal of the same kind within this time (milliseconds) is the first one, come another way. */
const sameSignal = 1000;

/**
 * Runs a program with our terminal as its own and returns its exit code (128 + n when signal n ended it).
 *
 * It must get each ^C exactly once, for Pulumi takes the second as "stop now, whatever breaks". At a terminal the
 * kernel sends ^C to the child as well as to us, and npm sends us its own: we only wait. Without a terminal a
 * runner may signal our number or our whole group: the child gets a group of its own, and each signal from us once.
 */
export async function runForeground(
    command: string,
    args: readonly string[],
    options: ChildOptions & {
        /** Which of our streams its standard output goes to, by number. Default: the same. */
        readonly stdout?: number;
    },
): Promise<number> {
    const { stdout = "inherit", ...rest } = options;
    const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    const child = spawn(command, args, { ...rest, stdio: ["inherit", stdout, "inherit"], detached: !atTerminal });
    const passedOn = new Map<NodeJS.Signals, number>();
    const pass = (signal: NodeJS.Signals) => {
        if (Date.now() - (passedOn.get(signal) ?? 0) < sameSignal) return;
        passedOn.set(signal, Date.now());
        child.kill(signal);
    };
    const interrupt = () => (atTerminal ? undefined : pass("SIGINT"));
    const terminate = () => pass("SIGTERM");
    process.on("SIGINT", interrupt).on("SIGTERM", terminate);
    try {
        return await new Promise((resolve, reject) => {
            child.on("error", reject);
            child.on("exit", (code, signal) =>
                resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
            );
        });
    } finally {
        process.off("SIGINT", interrupt).off("SIGTERM", terminate);
    }
}

/**
 * Runs a program without a terminal and keeps what it prints; never throws. When it takes longer than `seconds`,
 * or when we are told to end, it is ended.
 */
export async function runCaptured(
    command: string,
    args: readonly string[],
    options: ChildOptions & { readonly seconds: number },
): Promise<Captured> {
    const { seconds, ...rest } = options;
    const child = spawn(command, args, { ...rest, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    let late = false;
    child.stdout.setEncoding("utf8").on("data", text => {
        stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", text => {
        stderr += text;
    });
    const limit = setTimeout(() => {
        late = true;
        child.kill("SIGKILL");
    }, seconds * 1000);
    const terminate = () => {
        child.kill("SIGKILL");
        process.exit(128 + constants.signals.SIGTERM);
    };
    process.once("SIGTERM", terminate);
    try {
        const problem = await new Promise<string | undefined>(resolve => {
            child.on("error", error => resolve(`could not be started: ${error.message}`));
            child.on("exit", (code, signal) => {
                if (late) resolve(`took longer than ${seconds} s`);
                // What a grandchild holds open must not hold us: `close` may never come.
                else if (signal !== null) resolve(`was ended by ${signal}`);
                else setTimeout(() => resolve(inWords(code)), 2000).unref();
            });
            child.on("close", code => resolve(inWords(code)));
        });
        return { stdout, stderr, problem };
    } finally {
        clearTimeout(limit);
        process.off("SIGTERM", terminate);
        child.stdout.destroy();
        child.stderr.destroy();
    }
}

function inWords(code: number | null): string | undefined {
    return code === 0 ? undefined : `ended with exit code ${code}`;
}
