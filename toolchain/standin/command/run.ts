import { spawn } from "node:child_process";
import { constants } from "node:os";
import { UserError } from "../../../runner/userError.ts";

/** One run of a command, as the official plugin takes it from the resource's inputs. */
export interface Run {
    readonly command: string;
    /** The program and its arguments; the command is added as the last one. */
    readonly interpreter: readonly string[];
    readonly dir: string;
    readonly environment: NodeJS.ProcessEnv;
    readonly stdin?: string;
    /** Which streams are shown line by line while the command runs. */
    readonly shown: { readonly stdout: boolean; readonly stderr: boolean };
}

/** What a command printed, each stream without its last newline. */
export interface Printed {
    readonly stdout: string;
    readonly stderr: string;
}

/**
 * Runs a command to its end, which is when it has ended and nobody holds its output open any more.
 * Throws when it cannot start, fails, or is killed because the engine cancelled.
 */
export async function runCommand(run: Run, show: (line: string) => void, cancelled: AbortSignal): Promise<Printed> {
    const [program = "", ...args] = [...run.interpreter, run.command];
    const printed = { stdout: "", stderr: "", both: "" };
    const child = spawn(program, args, {
        cwd: run.dir,
        env: run.environment,
        stdio: [run.stdin ? "pipe" : "ignore", "pipe", "pipe"],
    });
    for (const name of ["stdout", "stderr"] as const) {
        const lines = new LineSplitter(run.shown[name] ? show : () => {});
        child[name]?.setEncoding("utf8").on("data", (text: string) => {
            printed[name] += text;
            printed.both += text;
            lines.add(text);
        });
        child[name]?.once("end", () => lines.end());
    }
    // A command that ends without reading its input has not failed for that.
    child.stdin?.on("error", () => {});
    child.stdin?.end(run.stdin);

    // The child stays in the plugin's own process group, which the engine kills as a whole when it gives up.
    const kill = () => child.kill("SIGKILL");
    cancelled.addEventListener("abort", kill);
    if (cancelled.aborted) kill();
    const end = await new Promise<string>(resolve => {
        child.once("error", error => resolve(`cannot start ${program} in ${run.dir}: ${error.message}`));
        child.once("close", (code, signal) => resolve(code === 0 ? "" : describeEnd(code, signal)));
    });
    cancelled.removeEventListener("abort", kill);

    if (end !== "") throw new UserError(`${end}: running ${JSON.stringify(run.command)}:\n${printed.both}`);
    return { stdout: withoutNewline(printed.stdout), stderr: withoutNewline(printed.stderr) };
}

class LineSplitter {
    readonly #show: (line: string) => void;
    #rest = "";

    constructor(show: (line: string) => void) {
        this.#show = show;
    }

    add(text: string): void {
        const lines = (this.#rest + text).split("\n");
        this.#rest = lines.pop() ?? "";
        for (const line of lines) this.#show(line.replace(/\r$/, ""));
    }

    end(): void {
        if (this.#rest !== "") this.#show(this.#rest);
        this.#rest = "";
    }
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
    if (signal === null) return `exit status ${code}`;
    const words: Partial<Record<NodeJS.Signals, string>> = {
        SIGKILL: "killed",
        SIGTERM: "terminated",
        SIGINT: "interrupt",
        SIGHUP: "hangup",
    };
    return `signal: ${words[signal] ?? `${signal} (${constants.signals[signal]})`}`;
}

function withoutNewline(text: string): string {
    return text.endsWith("\n") ? text.slice(0, -1) : text;
}
