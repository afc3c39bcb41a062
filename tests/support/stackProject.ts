import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { runtimeHome } from "../../local/runtimeHome.ts";
import { pathWith } from "../../toolchain/commandPath.ts";
import { localPulumiHome } from "../../toolchain/environment.ts";
import { clearInterrupted } from "../../toolchain/interrupted.ts";
import { ensurePlugins } from "../../toolchain/plugins.ts";
import { ensurePulumi } from "../../toolchain/pulumiCli.ts";
import { isOwn } from "../sql/own.ts";
import { type Outcome, outcomeOf, ownEngine, ownEnvironment } from "./engine.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What the engine needs of the project: the stack's program and whatever it imports or reads. */
const parts = [
    "Pulumi.yaml",
    "package.json",
    "index.ts",
    "config.ts",
    "configKeys.ts",
    "components",
    "preview",
    "runner",
    "local",
    "sql",
];

/** A hanging engine must not hang the tests; in milliseconds. */
const defaultStepLimit = 240_000;

const say = (line: string) => process.stderr.write(`toolchain: ${line}\n`);

/** What `pulumi preview --json` prints, as far as tests look at it. */
export interface PreviewJson {
    readonly steps: readonly { readonly op: string; readonly urn: string }[];
    readonly changeSummary: Readonly<Record<string, number>>;
}

/** A copy of this project with an engine home and a state of its own, run by the real engine. */
export class StackProject {
    /** The copy: what a user would call the project's folder. */
    readonly dir: string;
    /** Added to the environment of the engine: where the target is. May be changed between steps. */
    environment: Readonly<Record<string, string>>;
    /** All that the commands of this project printed so far. */
    printed = "";
    /** After this many milliseconds a command is killed; for those that know of long work. */
    stepLimit = defaultStepLimit;
    readonly #home: string;
    readonly #engine: Readonly<Record<string, string>>;
    #stack = "dev";

    constructor(home: string, engine: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>>) {
        this.#home = home;
        this.dir = join(home, "project");
        this.#engine = engine;
        this.environment = environment;
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

    /** Runs one command of the Pulumi CLI on the stack to its end. */
    async run(...args: string[]): Promise<Outcome> {
        const all = [...args, "--non-interactive", "--color=never", "--stack", this.#stack];
        const child = spawn("pulumi", all, {
            cwd: this.dir,
            env: { ...ownEnvironment(), ...this.#engine, ...this.environment },
            stdio: ["ignore", "pipe", "pipe"],
            timeout: this.stepLimit,
            killSignal: "SIGKILL",
        });
        const outcome = await outcomeOf(child);
        this.printed += outcome.output;
        return outcome;
    }

    /** Runs the runner in the project's folder, on the database that these variables name. */
    async runner(command: string, environment: Readonly<Record<string, string>>): Promise<Outcome> {
        const child = spawn(process.execPath, ["runner/main.ts", ...command.split(" ")], {
            cwd: this.dir,
            env: { ...ownEnvironment(), ...environment },
            stdio: ["ignore", "pipe", "pipe"],
            timeout: this.stepLimit,
        });
        return await outcomeOf(child);
    }

    /** What `npm run` does before it runs this verb of the engine. @returns what it says */
    async clearInterrupted(verb: "up" | "destroy"): Promise<string[]> {
        const said: string[] = [];
        const env = { ...ownEnvironment(), ...this.#engine, ...this.environment };
        const say = (line: string) => said.push(line);
        await clearInterrupted({ root: this.dir, stack: this.#stack, command: "pulumi", env, say }, verb);
        return said;
    }

    /** Runs a command that must go well. */
    async must(...args: string[]): Promise<Outcome> {
        const outcome = await this.run(...args);
        if (outcome.code !== 0)
            throw new Error(`pulumi ${args.join(" ")} ended with ${outcome.code}:\n${outcome.output}`);
        return outcome;
    }

    async previewJson(): Promise<PreviewJson> {
        return JSON.parse((await this.must("preview", "--json")).stdout) as PreviewJson;
    }

    async outputs(): Promise<Record<string, unknown>> {
        return JSON.parse((await this.must("stack", "output", "--json")).stdout) as Record<string, unknown>;
    }

    /** The names of the resources that the state holds. */
    async resources(): Promise<string[]> {
        const text = (await this.must("stack", "export")).stdout;
        const { deployment } = JSON.parse(text) as { deployment: { resources?: { urn: string }[] } };
        return (deployment.resources ?? []).map(({ urn }) => urn.split("::").at(-1) ?? urn);
    }

    /** Makes a stack of that name with this config, `simulation-db:` left out, and goes on with it. */
    async newStack(name: string, config: Readonly<Record<string, string>>): Promise<void> {
        this.#stack = name;
        await this.configure(config);
        await this.must("stack", "init");
    }

    /** Goes on with a stack that was made before. */
    select(name: string): void {
        this.#stack = name;
    }

    /** Sets keys of the stack's config. */
    async configure(changes: Readonly<Record<string, string>>): Promise<void> {
        const file = join(this.dir, `Pulumi.${this.#stack}.yaml`);
        const text = await readFile(file, "utf8").catch(() => "config: {}");
        const content = parse(text) as { config: Record<string, string> };
        for (const [key, value] of Object.entries(changes)) content.config[`simulation-db:${key}`] = value;
        await writeFile(file, stringify(content));
    }

    /** Writes files of the project, and the folders above them. */
    async write(files: Readonly<Record<string, string>>): Promise<void> {
        for (const [name, text] of Object.entries(files)) {
            const file = join(this.dir, name);
            await mkdir(dirname(file), { recursive: true });
            await writeFile(file, text);
        }
    }

    /** Makes these files the sql folder; names are relative to it. */
    async useSql(files: Readonly<Record<string, string>>): Promise<void> {
        await rm(join(this.dir, "sql"), { recursive: true, force: true });
        await this.write(Object.fromEntries(Object.entries(files).map(([name, text]) => [`sql/${name}`, text])));
    }

    /** All that the engine and the project keep on disk: state with its history and backups, config, logs, dumps. */
    async kept(): Promise<string> {
        const places = [join(this.#home, "state"), join(this.#home, "engine"), this.dir];
        const texts: string[] = [];
        for (const place of places) {
            for (const entry of await readdir(place, { recursive: true, withFileTypes: true })) {
                if (entry.isFile()) texts.push(await readFile(join(entry.parentPath, entry.name), "latin1"));
            }
        }
        return texts.join("\n");
    }

    /** Removes the copy and the engine's home. What the stack made elsewhere is for `destroy`. */
    async remove(): Promise<void> {
        // Its shadows are elsewhere when the account that runs PostgreSQL cannot reach the copy.
        await rm(await runtimeHome(this.dir), { recursive: true, force: true });
        await rm(this.#home, { recursive: true, force: true });
    }
}

/** Makes a copy of the project, without a stack. The caller removes it. */
export async function stackProject(options: {
    readonly environment: Readonly<Record<string, string>>;
    /** Files in the place of those in `sql`: name below it, and text. */
    readonly sql?: Readonly<Record<string, string>>;
    /** How the name of its folder begins. */
    readonly name?: string;
}): Promise<StackProject> {
    const home = await mkdtemp(join(tmpdir(), options.name ?? "simulation-db-stack-"));
    try {
        const dir = join(home, "project");
        await mkdir(join(home, "state"));
        await mkdir(join(home, "tmp"));
        const copied = options.sql ? parts.filter(part => part !== "sql") : parts;
        for (const part of copied) {
            const filter = (file: string) => part !== "sql" || isOwn(file);
            await cp(join(root, part), join(dir, part), { recursive: true, filter });
        }
        await symlink(join(root, "node_modules"), join(dir, "node_modules"));
        const project = new StackProject(home, await engineEnvironment(home), options.environment);
        if (options.sql) await project.useSql(options.sql);
        return project;
    } catch (error) {
        await rm(home, { recursive: true, force: true });
        throw error;
    }
}

/** The engine that `npm test` found, with a home below this folder and the plugins that `npm start` would use. */
export async function engineEnvironment(home: string): Promise<Record<string, string>> {
    // Whatever is to be downloaded was by now.
    const env = { ...ownEnvironment(), SIMULATION_DB_OFFLINE: "1" };
    const cli = await ensurePulumi({ root, env, say });
    const pulumiHome = join(home, "engine");
    const known = join(localPulumiHome(root), "plugins");
    await cp(known, join(pulumiHome, "plugins"), { recursive: true }).catch(() => {});
    await ensurePlugins({ root, env, say: () => {}, cli, pulumiHome, standIns: true });
    return {
        PATH: pathWith([dirname(process.execPath), ...cli.folders], process.env.PATH ?? ""),
        ...ownEngine(home),
        // The language host leaves its pipes there when a program fails.
        TMPDIR: join(home, "tmp"),
        // Its own: entries for files of a copy that is removed would stay in ours for ever.
        NODE_COMPILE_CACHE: join(home, "cache"),
    };
}
