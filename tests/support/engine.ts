import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type PluginName, pluginVersions } from "../../toolchain/pins.ts";
import { installStandIn } from "../../toolchain/plugins.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Where the engine is when it is not installed; `npm test` puts the one to use on PATH, wherever it is. */
const BIN = join(ROOT, ".local/pulumi/bin");
const STACK = "dev";
/** Far above what any step here needs; a hanging engine must not hang the tests. */
const STEP_LIMIT_MS = 120_000;

/** The plugins that the contract is checked with: "official" takes the installed ones of `~/.pulumi`. */
export const PLUGINS: "stand-in" | "official" = process.env.CONTRACT_PLUGINS === "official" ? "official" : "stand-in";

/** How a step of the engine ended and what it printed. */
export interface Outcome {
    readonly code: number | null;
    /** Standard output and standard error, as they came. */
    readonly output: string;
    readonly stdout: string;
}

/** One resource as the state has it. */
export interface StoredResource {
    readonly urn: string;
    readonly type: string;
    readonly id: string;
    readonly inputs: Record<string, unknown>;
    readonly outputs: Record<string, unknown>;
}

/** A Pulumi program in a folder of its own, with its own engine home, state and one stack. */
export class Program {
    /** The folder that holds everything; the program is in `program/` below it. */
    readonly #home: string;
    readonly #stack: string;
    readonly #engine: Readonly<Record<string, string>>;
    /** Added to the environment of the engine, and by that of plugins and commands. May be changed between steps. */
    readonly environment: Record<string, string>;

    constructor(home: string, stack: string, environment: Record<string, string>) {
        this.#home = home;
        this.#engine = {
            PATH: [dirname(process.execPath), process.env.PATH ?? "", BIN].join(delimiter),
            ...ownEngine(home),
        };
        this.#stack = stack;
        this.environment = environment;
    }

    /** Where the program is: the folder that relative paths of commands start from. */
    get dir(): string {
        return join(this.#home, "program");
    }

    /** Writes files of the program; names are relative to its folder. `index.js` is the program itself. */
    async write(files: Record<string, string>): Promise<void> {
        for (const [name, text] of Object.entries(files)) await writeFile(join(this.dir, name), text);
    }

    preview(...args: string[]): Promise<Outcome> {
        return this.run("preview", ...args);
    }

    up(...args: string[]): Promise<Outcome> {
        return this.run("up", "--yes", "--skip-preview", ...args);
    }

    destroy(...args: string[]): Promise<Outcome> {
        return this.run("destroy", "--yes", "--skip-preview", ...args);
    }

    refresh(...args: string[]): Promise<Outcome> {
        return this.run("refresh", "--yes", "--skip-preview", ...args);
    }

    /** Runs one command of the Pulumi CLI on the stack to its end. */
    async run(...args: string[]): Promise<Outcome> {
        return await outcomeOf(this.launch(...args));
    }

    /** Starts one command of the Pulumi CLI on the stack, to be watched or disturbed while it runs. */
    launch(...args: string[]): ChildProcess {
        return spawn("pulumi", [...args, "--non-interactive", "--color=never", "--stack", this.#stack], {
            cwd: this.dir,
            env: { ...ownEnvironment(), ...this.#engine, ...this.environment },
            stdio: ["ignore", "pipe", "pipe"],
            timeout: STEP_LIMIT_MS,
            killSignal: "SIGKILL",
        });
    }

    /** The resources in the state, without the stack itself and the providers. */
    async state(): Promise<StoredResource[]> {
        const { deployment } = JSON.parse(await this.stateText()) as { deployment: { resources?: StoredResource[] } };
        return (deployment.resources ?? []).filter(({ type }) => !type.startsWith("pulumi:"));
    }

    /** The state as text, secrets encrypted. */
    async stateText(): Promise<string> {
        const { code, output } = await this.run("stack", "export");
        if (code !== 0) throw new Error(output);
        return output;
    }

    /** Removes the folder. What the program made elsewhere is for `destroy`. */
    async remove(): Promise<void> {
        await rm(this.#home, { recursive: true, force: true });
    }
}

/** Makes a program with its stack. The caller removes it. */
export async function withProgram(
    files: Record<string, string>,
    options: { stack?: string; environment?: Record<string, string> } = {},
): Promise<Program> {
    const home = await mkdtemp(join(tmpdir(), "simulation-db-engine-"));
    const program = new Program(home, options.stack ?? STACK, { ...options.environment });
    await mkdir(join(home, "state"));
    await mkdir(program.dir);
    for (const name of Object.keys(pluginVersions) as PluginName[]) await installPlugin(name, join(home, "engine"));
    await symlink(join(ROOT, "node_modules"), join(program.dir, "node_modules"));
    await program.write({
        "Pulumi.yaml": JSON.stringify({
            name: "contract",
            main: "index.js",
            runtime: { name: "nodejs", options: { typescript: false } },
        }),
        "package.json": JSON.stringify({ type: "module" }),
        ...files,
    });
    const { code, output } = await program.run("stack", "init");
    if (code !== 0) {
        await program.remove();
        throw new Error(output);
    }
    return program;
}

/** Waits for a started command and collects what it prints. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
    let output = "";
    let stdout = "";
    for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding("utf8").on("data", (text: string) => {
            output += text;
            if (stream === child.stdout) stdout += text;
        });
    }
    const code = await new Promise<number | null>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", resolve);
    });
    return { code, output, stdout };
}

async function installPlugin(name: PluginName, pulumiHome: string): Promise<void> {
    if (PLUGINS === "stand-in") return await installStandIn(name, { root: ROOT, pulumiHome });
    // A copy: the engine does not follow links here.
    const folder = join("plugins", `resource-${name}-v${pluginVersions[name]}`);
    await cp(join(homedir(), ".pulumi", folder), join(pulumiHome, folder), { recursive: true });
}

/** What an engine is told that has its home and its state below this folder, and fetches nothing. */
export function ownEngine(home: string): Record<string, string> {
    return {
        PULUMI_HOME: join(home, "engine"),
        PULUMI_BACKEND_URL: pathToFileURL(join(home, "state")).href,
        PULUMI_CONFIG_PASSPHRASE: crypto.randomUUID(),
        PULUMI_SKIP_UPDATE_CHECK: "1",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    };
}

/** This process's environment without what names a database, a project or another engine. */
export function ownEnvironment(): NodeJS.ProcessEnv {
    const foreign = /^(PG|PULUMI_|SUPABASE_|SIMULATION_DB_)/;
    return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}
