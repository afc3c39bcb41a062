import { spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { stopLocal } from "../../local/server.ts";
import { pathWith } from "../../toolchain/commandPath.ts";
import { ensurePulumi } from "../../toolchain/pulumiCli.ts";
import { isOwn } from "../sql/own.ts";
import { type Outcome, outcomeOf, ownEnvironment } from "./engine.ts";
import { comesWithProject, unfilled } from "./stackFiles.ts";

const root = join(import.meta.dirname, "../..");

/** What `git clone` and `npm ci` would make, for a user's commands. */
export interface ProjectCopy {
    /** The project's folder; its path has a blank and a quote. */
    readonly dir: string;
    /** Runs a script there, in a user's shell with the engine on PATH. */
    readonly sh: (script: string) => Promise<Outcome>;
    /** Ends the local servers and removes the folder. */
    readonly remove: () => Promise<void>;
}

/**
 * Makes one.
 *
 * @param sql the sql folder: name below it, and text; the project's own migrations, unless said otherwise
 */
export async function projectCopy(sql?: Readonly<Record<string, string>>): Promise<ProjectCopy> {
    const home = await mkdtemp(join(tmpdir(), "simulation db's "));
    // The account that PostgreSQL runs under passes through.
    await chmod(home, 0o711);
    const dir = join(home, "project");
    const remove = async () => {
        await stopLocal(dir, () => {});
        await rm(home, { recursive: true, force: true });
    };
    try {
        await copyProject(dir, sql);
        await linkPackages(dir);
        const environment = await userEnvironment(join(dir, ".local", "node-cache"));
        const sh = (script: string) =>
            outcomeOf(
                spawn("bash", ["-c", script], {
                    cwd: dir,
                    env: environment,
                    stdio: ["ignore", "pipe", "pipe"],
                    timeout: 240_000,
                }),
            );
        return { dir, sh, remove };
    } catch (error) {
        await remove();
        throw error;
    }
}

/** What a user's shell has, with the engine on PATH. @param cache where Node keeps what it compiled */
export async function userEnvironment(cache: string): Promise<NodeJS.ProcessEnv> {
    // In a pipeline these tests still play a person.
    const env = { ...ownEnvironment(), CI: undefined, SIMULATION_DB_OFFLINE: "1", NODE_COMPILE_CACHE: cache };
    const { folders } = await ensurePulumi({ root, env, say: () => {} });
    return { ...env, PATH: pathWith(folders, process.env.PATH ?? "") };
}

/**
 * Copies what a user's commands need of this project.
 *
 * @param sql as for {@link projectCopy}
 */
export async function copyProject(dir: string, sql?: Readonly<Record<string, string>>): Promise<void> {
    const left = ["node_modules", "tests", "bench", "docs", ...(sql ? ["sql"] : [])];
    for (const name of await readdir(root)) {
        if (left.includes(name) || (name.startsWith(".") && name !== ".gitignore") || !comesWithProject(name)) continue;
        await cp(join(root, name), join(dir, name), {
            recursive: true,
            filter: file => !file.endsWith("toolchain/go") && (name !== "sql" || isOwn(file)),
        });
    }
    for (const file of ["Pulumi.prod.yaml", "Pulumi.staging.yaml"]) {
        await writeFile(join(dir, file), unfilled(await readFile(join(dir, file), "utf8")));
    }
    for (const [name, text] of Object.entries(sql ?? {})) {
        await mkdir(dirname(join(dir, "sql", name)), { recursive: true });
        await writeFile(join(dir, "sql", name), text);
    }
}

/** What `npm ci` would install; packages are links, so nothing there reaches ours. */
export async function linkPackages(dir: string): Promise<void> {
    const modules = join(dir, "node_modules");
    await mkdir(modules);
    for (const entry of await readdir(join(root, "node_modules"), { withFileTypes: true })) {
        const from = join(root, "node_modules", entry.name);
        if (entry.isFile()) await cp(from, join(modules, entry.name));
        else await symlink(from, join(modules, entry.name));
    }
}
