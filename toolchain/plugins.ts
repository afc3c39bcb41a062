import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { chmod, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { UserError } from "../runner/userError.ts";
import { runCaptured } from "./child.ts";
import { firstOnPath, isExecutable } from "./commandPath.ts";
import { downloadSite, isReachable } from "./download.ts";
import { withLock } from "./lock.mjs";
import { type PluginName, pluginVersions } from "./pins.ts";
import type { EnsureOptions, PulumiCli } from "./pulumiCli.ts";
import { shellQuoted } from "./shellQuoted.ts";

export interface PluginOptions extends EnsureOptions {
    readonly cli: PulumiCli;
    /** The engine's home that the stack is run with. */
    readonly pulumiHome: string;
    /** May a stand-in serve? Only for the local database: never against a real project. */
    readonly standIns: boolean;
}

/** How long an official plugin may take to install, in seconds; they are some 20 MB each. */
const limit = 300;

/** A failed download is not tried again for this long (milliseconds), so that an offline start is a quick one. */
const rememberFailure = 24 * 3600 * 1000;

/** This file in a plugin's folder says that it is a stand-in. */
const mark = "stand-in.json";

const pluginNames = Object.keys(pluginVersions) as PluginName[];

/**
 * Makes sure that the engine finds the provider plugins of this stack: official ones that are installed already, else
 * freshly downloaded ones, else, where `standIns` allows it, our own stand-ins, which is said in one line.
 * Throws a UserError where no official plugin is to be had and no stand-in may serve.
 */
export async function ensurePlugins(options: PluginOptions): Promise<void> {
    const { root, pulumiHome, say } = options;
    const absent = () => pluginNames.filter(name => !isInstalled(name, options));
    const looking = absent().some(name => !hasStandIn(name, options) || isInUsersHome(name)) || worthTrying(options);
    if (looking) {
        const waiting = (holder: string) => say(`waiting for ${holder}, which is installing plugins ...`);
        await withLock(join(root, ".local", "pulumi", "plugins.lock"), waiting, async () => {
            for (const name of absent().filter(isInUsersHome)) takeFromUsersHome(name, pulumiHome);
            if (absent().length > 0 && worthTrying(options)) await installOfficial(absent(), options);
            if (options.standIns) for (const name of absent()) await installStandIn(name, options);
        });
    }
    const missing = absent();
    if (missing.length === 0) return;
    const names = missing.map(name => `${name} ${pluginVersions[name]}`).join(" and ");
    if (!options.standIns) {
        throw new UserError(`The official Pulumi plugins ${names} are not installed and could not be downloaded.`, [
            `Install them where the download site is reachable: ${missing.map(installCommand).join("; ")}`,
            "Stand-in plugins serve the local database only, never a real project.",
        ]);
    }
    // Said when it is decided, not by every command of the day.
    if (looking)
        say(`stand-in plugins serve for ${names}: the official ones are not to be had here (local database only)`);
}

function installCommand(name: PluginName): string {
    return `pulumi plugin install resource ${name} ${pluginVersions[name]}`;
}

function pluginFolder(name: PluginName, pulumiHome: string): string {
    return join(pulumiHome, "plugins", `resource-${name}-v${pluginVersions[name]}`);
}

/** Does the engine find the official plugin: in its home, or on PATH, where it looks as well? */
function isInstalled(name: PluginName, { pulumiHome, env }: PluginOptions): boolean {
    return isOfficial(name, pulumiHome) || firstOnPath(`pulumi-resource-${name}`, env.PATH ?? "") !== undefined;
}

function isOfficial(name: PluginName, pulumiHome: string): boolean {
    const folder = pluginFolder(name, pulumiHome);
    // The engine leaves ".partial" beside a plugin whose installation broke off.
    return (
        isExecutable(join(folder, `pulumi-resource-${name}`)) &&
        !existsSync(join(folder, mark)) &&
        !existsSync(`${folder}.partial`)
    );
}

function usersHome(): string {
    return join(homedir(), ".pulumi");
}

function isInUsersHome(name: PluginName): boolean {
    return isOfficial(name, usersHome());
}

/** A copy, for the engine does not follow links here; under another name first, so that it is never seen half done. */
function takeFromUsersHome(name: PluginName, pulumiHome: string): void {
    const folder = pluginFolder(name, pulumiHome);
    const unfinished = join(pulumiHome, `${name}.unfinished`);
    rmSync(unfinished, { recursive: true, force: true });
    cpSync(pluginFolder(name, usersHome()), unfinished, { recursive: true });
    mkdirSync(dirname(folder), { recursive: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
}

/** Is a download to be tried: wanted at all, and not failed within a day? */
function worthTrying({ root, env, ...options }: PluginOptions): boolean {
    if (env.SIMULATION_DB_OFFLINE === "1" || pluginNames.every(name => isInstalled(name, { root, env, ...options })))
        return false;
    const failed = statSync(failureFile(root), { throwIfNoEntry: false });
    // A real project cannot go on without: whoever runs that again has changed something.
    return !options.standIns || failed === undefined || Date.now() - failed.mtimeMs > rememberFailure;
}

function failureFile(root: string): string {
    return join(root, ".local", "pulumi", "plugins-not-available");
}

/** Installs what the site has. Where that is not everything, it is not asked again for a day. */
async function installOfficial(names: readonly PluginName[], options: PluginOptions): Promise<void> {
    const { root, cli, pulumiHome, env, say } = options;
    say(`looking for the official plugins ${names.join(" and ")} ...`);
    // The engine may know a way that we do not, such as a proxy; only where a stand-in serves is that not worth a try.
    const reachable = !options.standIns || (await isReachable(downloadSite(env)));
    // Without it the engine asks GitHub first.
    const server = env.SIMULATION_DB_PULUMI_SITE ? ["--server", `${downloadSite(env)}/releases/plugins`] : [];
    for (const name of reachable ? names : []) {
        const version = pluginVersions[name];
        say(`installing the plugin ${name} ${version} ...`);
        // A stand-in of that version would count as installed.
        const args = ["plugin", "install", "resource", name, version, "--reinstall", ...server];
        const { problem, stderr } = await runCaptured(cli.command, args, {
            env: { ...env, PULUMI_HOME: pulumiHome, PULUMI_SKIP_UPDATE_CHECK: "1" },
            seconds: limit,
        });
        if (problem === undefined) continue;
        say(`the plugin ${name} ${version} could not be installed: ${stderr.trim().split("\n").at(-1) || problem}`);
    }
    if (names.every(name => isOfficial(name, pulumiHome))) return;
    await writeFile(
        failureFile(root),
        "Remove this file to look for the official plugins again; it counts for a day.\n",
    );
}

function standInOf(name: PluginName, root: string): { program: string; script: string } {
    const program = join(root, "toolchain", "standin", `${name}.ts`);
    const script = [
        "#!/bin/sh",
        `# Stand-in for the official plugin ${name} ${pluginVersions[name]}, for the local database of simulation-db only.`,
        `exec ${shellQuoted(process.execPath)} ${shellQuoted(program)} "$@"`,
        "",
    ].join("\n");
    return { program, script };
}

/** Is the stand-in there, and for this very Node and place? */
function hasStandIn(name: PluginName, { root, pulumiHome }: Pick<PluginOptions, "root" | "pulumiHome">): boolean {
    const file = join(pluginFolder(name, pulumiHome), `pulumi-resource-${name}`);
    return (
        isExecutable(file) &&
        existsSync(join(dirname(file), mark)) &&
        readFileSync(file, "utf8") === standInOf(name, root).script
    );
}

/**
 * Puts a stand-in where the engine looks: a script that runs toolchain/standin/NAME.ts with this very Node.
 * Written anew only when it would differ, as after the project was moved.
 */
export async function installStandIn(
    name: PluginName,
    { root, pulumiHome }: Pick<PluginOptions, "root" | "pulumiHome">,
): Promise<void> {
    if (hasStandIn(name, { root, pulumiHome })) return;
    const folder = pluginFolder(name, pulumiHome);
    const { program, script } = standInOf(name, root);
    const unfinished = join(folder, `unfinished-${process.pid}`);
    await rm(`${folder}.partial`, { force: true });
    mkdirSync(folder, { recursive: true });
    // First what tells it from the official one.
    await writeFile(join(folder, mark), `${JSON.stringify({ standInFor: pluginVersions[name], program })}\n`);
    await writeFile(unfinished, script);
    await chmod(unfinished, 0o755);
    await rename(unfinished, join(folder, `pulumi-resource-${name}`));
}
