import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { shellQuoted } from "../../toolchain/shellQuoted.ts";

/** How a command ended, and what it printed: both streams, as they came. */
export interface Printed {
    readonly code: number;
    readonly output: string;
}

/** One bash for a whole story: what a command sets, and where it goes, is there for the next one. */
export class Shell {
    readonly #bash: ChildProcess;
    readonly #mark = `end-${crypto.randomUUID()}`;
    #printed = "";

    constructor(folder: string, env: NodeJS.ProcessEnv) {
        // A process group of its own, so that whatever runs there can be ended with it.
        this.#bash = spawn("bash", ["--noprofile", "--norc"], {
            cwd: folder,
            env,
            stdio: ["pipe", "pipe", "pipe"],
            detached: true,
        });
        for (const stream of [this.#bash.stdout, this.#bash.stderr]) {
            stream?.setEncoding("utf8").on("data", (text: string) => {
                this.#printed += text;
                this.#bash.emit("printed");
            });
        }
        this.#bash.once("exit", () => this.#bash.emit("printed"));
    }

    /** Runs one command to its end. Its standard input is empty. */
    async run(command: string): Promise<Printed> {
        this.#printed = "";
        // eval, and not a subshell: variables and the folder stay. Its line break ends what did not end with one.
        this.#bash.stdin?.write(
            `eval ${shellQuoted(command)} < /dev/null 2>&1; printf '\\n%s %s\\n' ${this.#mark} "$?"\n`,
        );
        const end = new RegExp(`\\n${this.#mark} (\\d+)\\n$`);
        for (;;) {
            const [last, code] = end.exec(this.#printed) ?? [];
            if (last !== undefined) return { code: Number(code), output: this.#printed.slice(0, -last.length) };
            if (this.#bash.exitCode !== null) throw new Error(`the shell ended in ${command}:\n${this.#printed}`);
            await once(this.#bash, "printed");
        }
    }

    /** Ends it, and what still runs in it. */
    async end(): Promise<void> {
        if (this.#bash.exitCode !== null || this.#bash.pid === undefined) return;
        const gone = once(this.#bash, "exit");
        process.kill(-this.#bash.pid, "SIGKILL");
        await gone;
    }
}
