import { randomBytes } from "node:crypto";
import { explain } from "../../../runner/userError.ts";
import type { EngineLog } from "../engineLog.ts";
import type { Failure, ResourceKind } from "../provider.ts";
import { type Official, refusal, refuseRemote } from "../refusal.ts";
import { holdsUnknown, isBag, type Properties, plain, same, UNKNOWN } from "../values.ts";
import { runCommand } from "./run.ts";

/** The plugin whose place this one takes. */
export const OFFICIAL: Official = { name: "command", version: "1.2.1" };

/** The inputs of `command:local:Command` that this plugin knows, with the test that a known value must pass. */
const INPUTS: Readonly<Record<string, { readonly expected: string; readonly fits: (value: unknown) => boolean }>> = {
    create: text(),
    update: text(),
    delete: text(),
    dir: text(),
    stdin: text(),
    environment: {
        expected: "an object of strings",
        fits: value => isBag(value) && Object.values(value).every(isString),
    },
    interpreter: { expected: "a list of strings", fits: value => Array.isArray(value) && value.every(isString) },
    triggers: { expected: "a list", fits: Array.isArray },
    logging: {
        expected: "stdout, stderr, stdoutAndStderr or none",
        fits: value => ["stdout", "stderr", "stdoutAndStderr", "none"].includes(value as string),
    },
    addPreviousOutputInEnv: { expected: "a boolean", fits: value => typeof value === "boolean" },
};

/** Inputs of the official plugin that would change what this one does. */
const UNSUPPORTED: readonly string[] = ["assetPaths", "archivePaths"];

interface CommandInputs {
    readonly create?: string;
    readonly update?: string;
    readonly delete?: string;
    readonly dir?: string;
    readonly stdin?: string;
    readonly environment?: Readonly<Record<string, string>>;
    readonly interpreter?: readonly string[];
    readonly logging?: "stdout" | "stderr" | "stdoutAndStderr" | "none";
    readonly addPreviousOutputInEnv?: boolean;
}

interface CommandOutputs extends CommandInputs {
    readonly stdout?: string;
    readonly stderr?: string;
}

/** `command:local:Command` as version 1.2.1 of the official plugin has it: see tests/standin/command.test.ts. */
export class LocalCommand implements ResourceKind {
    readonly #log: EngineLog;

    constructor(log: EngineLog) {
        this.#log = log;
    }

    check(urn: string, given: Properties) {
        const inputs = { addPreviousOutputInEnv: true, ...given };
        const failures: Failure[] = [];
        for (const [property, value] of Object.entries(plain(given) as Properties)) {
            const input = INPUTS[property];
            if (UNSUPPORTED.includes(property)) {
                failures.push({ property, reason: explain(refusal(OFFICIAL, `does not know the input ${property}`)) });
            } else if (input === undefined) {
                failures.push({ property, reason: "is not an input of command:local:Command" });
            } else if (!holdsUnknown(value) && !input.fits(value)) {
                failures.push({ property, reason: `must be ${input.expected}` });
            }
        }
        try {
            refuseRemote(OFFICIAL, urn, targets(plain(given) as CommandInputs));
        } catch (error) {
            failures.push({ property: "environment", reason: explain(error) });
        }
        return { inputs, failures };
    }

    diff(outputs: Properties, oldInputs: Properties, inputs: Properties) {
        // Only inputs count; a state written before inputs were kept has them among its outputs.
        const before = plain(Object.keys(oldInputs).length > 0 ? oldInputs : outputs) as Properties;
        const after = plain(inputs) as Properties;
        const changed = Object.keys(INPUTS).filter(name => !same(before[name], after[name]));
        return { changed, replaces: changed.filter(name => name === "triggers"), deleteFirst: false };
    }

    foresee(inputs: Properties): Properties {
        return { ...inputs, stdout: UNKNOWN, stderr: UNKNOWN };
    }

    async create(urn: string, inputs: Properties, cancelled: AbortSignal) {
        const { create } = plain(inputs) as CommandInputs;
        const printed = await this.#run(urn, create, inputs, {}, cancelled);
        const id = `${urn.split("::").slice(3).join("::")}${randomBytes(4).toString("hex")}`;
        return { id, outputs: { ...inputs, stdout: "", stderr: "", ...printed } };
    }

    async update(urn: string, outputs: Properties, inputs: Properties, cancelled: AbortSignal): Promise<Properties> {
        const { create, update } = plain(inputs) as CommandInputs;
        const { stdout, stderr } = outputs;
        const printed = await this.#run(urn, update ?? create, inputs, outputs, cancelled);
        return { ...inputs, stdout, stderr, ...printed };
    }

    async delete(urn: string, outputs: Properties, cancelled: AbortSignal): Promise<void> {
        // The stored inputs, all of them: the program may not even name this resource any more.
        await this.#run(urn, (plain(outputs) as CommandInputs).delete, outputs, outputs, cancelled);
    }

    async read(_urn: string, _id: string, outputs: Properties, inputs: Properties) {
        return { outputs, inputs };
    }

    /** Runs one of the three commands, with the output of the run before; nothing to run is nothing printed. */
    async #run(
        urn: string,
        command: string | undefined,
        properties: Properties,
        before: Properties,
        cancelled: AbortSignal,
    ) {
        const inputs = plain(properties) as CommandInputs;
        refuseRemote(OFFICIAL, urn, targets(inputs));
        if (command === undefined) return {};
        const logging = inputs.logging ?? "stdoutAndStderr";
        const show = (line: string) => this.#log.status(urn, line);
        try {
            return await runCommand(
                {
                    command,
                    interpreter: inputs.interpreter?.length ? inputs.interpreter : ["/bin/sh", "-c"],
                    dir: inputs.dir ?? process.cwd(),
                    environment: environmentOf(inputs, plain(before) as CommandOutputs),
                    ...(inputs.stdin ? { stdin: inputs.stdin } : {}),
                    shown: {
                        stdout: logging === "stdout" || logging === "stdoutAndStderr",
                        stderr: logging === "stderr" || logging === "stdoutAndStderr",
                    },
                },
                show,
                cancelled,
            );
        } finally {
            await this.#log.flushed();
        }
    }
}

function environmentOf(inputs: CommandInputs, before: CommandOutputs): NodeJS.ProcessEnv {
    const environment: NodeJS.ProcessEnv = { ...process.env, ...inputs.environment };
    if (inputs.addPreviousOutputInEnv ?? true) {
        if (before.stdout) environment.PULUMI_COMMAND_STDOUT = before.stdout;
        if (before.stderr) environment.PULUMI_COMMAND_STDERR = before.stderr;
    }
    return environment;
}

/** What a command may connect to, as far as its environment says. */
function targets(inputs: CommandInputs): Record<string, unknown> {
    const environment: Record<string, unknown> = { ...process.env, ...inputs.environment };
    const supabase = environment.SUPABASE_URL;
    return {
        PGHOST: environment.PGHOST,
        SUPABASE_URL: typeof supabase === "string" && URL.canParse(supabase) ? new URL(supabase).hostname : undefined,
    };
}

function text() {
    return { expected: "a string", fits: isString };
}

function isString(value: unknown): value is string {
    return typeof value === "string";
}
