import { mkdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runCaptured } from "./child.ts";
import { allOnPath, firstOnPath, isExecutable } from "./commandPath.ts";
import { downloadEngine, NotAvailable } from "./download.ts";
import { buildFromGo } from "./goBuild.ts";
import { withLock } from "./lock.mjs";
import { type EngineProgram, enginePrograms, pulumiVersion } from "./pins.ts";
import { atLeast, parseVersion } from "./version.ts";

/** A Pulumi CLI that can run this stack. */
export interface PulumiCli {
    /** The program's absolute path. */
    readonly command: string;
    readonly version: string;
    /** What must be in front of PATH for it to be `pulumi` and to find its Node.js language host; often nothing. */
    readonly folders: readonly string[];
}

export interface EnsureOptions {
    /** The project's folder. */
    readonly root: string;
    readonly env: NodeJS.ProcessEnv;
    readonly say: (line: string) => void;
}

/** How a program of ours came here; kept beside it. The size and time tell whether it is still the one that was checked. */
interface Provenance {
    readonly version: string;
    readonly from: string;
    readonly sha256?: string;
    readonly at: string;
    readonly size: number;
    readonly modified: number;
}

type Provenances = Partial<Record<EngineProgram["name"], Provenance>>;

const languageHost = "pulumi-language-nodejs";

/**
 * The Pulumi CLI to use: an installed one that is new enough, else the pinned version, which is fetched once:
 * the official download, or a build from Go modules where the download site cannot be reached. With
 * SIMULATION_DB_OFFLINE=1 no download is tried. Throws a UserError that says what to install when there is no way.
 */
export async function ensurePulumi(options: EnsureOptions): Promise<PulumiCli> {
    const folder = join(options.root, ".local", "pulumi", "bin");
    const refused: string[] = [];
    const installed = await installedPulumi(options.env, folder, refused);
    if (installed !== undefined) return installed;
    if (missingPrograms(await checkedPrograms(folder, options.env)).length > 0) {
        for (const reason of refused) options.say(reason);
        const waiting = (holder: string) => options.say(`waiting for ${holder}, which is fetching Pulumi ...`);
        await withLock(`${folder}.lock`, waiting, () => fetchPrograms(folder, options));
    }
    return { command: join(folder, "pulumi"), version: pulumiVersion, folders: [folder] };
}

/**
 * The first Pulumi on PATH that is new enough and has its language host beside it or on PATH. Why others were passed
 * over is added to `refused`.
 */
export async function installedPulumi(
    env: NodeJS.ProcessEnv,
    own: string,
    refused: string[] = [],
): Promise<PulumiCli | undefined> {
    const path = env.PATH ?? "";
    const commands = allOnPath("pulumi", path).filter(file => dirname(file) !== own);
    for (const command of commands) {
        const version = await versionOf(command, env);
        if (version === undefined) refused.push(`${command} is passed over: it does not tell its version`);
        else if (version[0] !== parseVersion(pulumiVersion)?.[0] || !atLeast(version, pulumiVersion))
            refused.push(
                `${command} is passed over: it is ${version.join(".")}, needed is 3.x from ${pulumiVersion} on`,
            );
        else {
            const places = [dirname(command), dirname(realpathSync(command))];
            const beside = places.find(place => isExecutable(join(place, languageHost)));
            if (beside !== undefined || firstOnPath(languageHost, path) !== undefined) {
                const isFirst = firstOnPath("pulumi", path) === command;
                const folders = isFirst ? [] : [dirname(command)];
                return { command, version: version.join("."), folders };
            }
            refused.push(`${command} is passed over: there is no ${languageHost} beside it or on PATH`);
        }
    }
    return undefined;
}

async function fetchPrograms(folder: string, options: EnsureOptions): Promise<void> {
    mkdirSync(folder, { recursive: true });
    await removeUnfinished(folder);
    // Another process may have done it while we waited.
    const before = missingPrograms(await checkedPrograms(folder, options.env));
    if (before.length === 0) return;
    if (options.env.SIMULATION_DB_OFFLINE !== "1") {
        try {
            const { url, sha256 } = await downloadEngine(folder, options);
            for (const { name } of enginePrograms) await note(folder, name, { from: url, sha256 });
        } catch (error) {
            if (!(error instanceof NotAvailable)) throw error;
            options.say(`no official download of Pulumi from here (${error.message})`);
        }
    }
    for (const program of missingPrograms(await checkedPrograms(folder, options.env))) {
        await buildFromGo(program, join(folder, program.name), options);
        await note(folder, program.name, { from: `go ${program.package}` });
        if (!(await runs(folder, program, options.env))) {
            throw new Error(`${join(folder, program.name)} was built but does not run as version ${pulumiVersion}`);
        }
    }
}

/** Programs of ours that are there and known to run; one that was not checked yet is, and noted. */
async function checkedPrograms(folder: string, env: NodeJS.ProcessEnv): Promise<ReadonlySet<string>> {
    const known = readProvenances(folder);
    const good = new Set<string>();
    for (const program of enginePrograms) {
        const file = statSync(join(folder, program.name), { throwIfNoEntry: false });
        if (file === undefined) continue;
        const provenance = known[program.name];
        const same =
            provenance?.version === pulumiVersion &&
            provenance.size === file.size &&
            provenance.modified === Math.trunc(file.mtimeMs);
        if (same) good.add(program.name);
        else if (await runs(folder, program, env)) {
            await note(folder, program.name, { from: provenance?.from ?? "put there by hand" });
            good.add(program.name);
        }
    }
    return good;
}

function missingPrograms(good: ReadonlySet<string>): EngineProgram[] {
    return enginePrograms.filter(program => !good.has(program.name));
}

async function runs(folder: string, program: EngineProgram, env: NodeJS.ProcessEnv): Promise<boolean> {
    const file = join(folder, program.name);
    if (program.name === "pulumi") return (await versionOf(file, env))?.join(".") === pulumiVersion;
    // The language host has no version to tell: its usage text has to do.
    const { stdout, stderr } = await runCaptured(file, ["--help"], { env, seconds: 60 });
    return /^Usage of .*pulumi-language-nodejs/m.test(stdout + stderr);
}

async function versionOf(command: string, env: NodeJS.ProcessEnv): Promise<readonly number[] | undefined> {
    const quiet = { ...env, PULUMI_SKIP_UPDATE_CHECK: "1" };
    const { stdout, problem } = await runCaptured(command, ["version"], { env: quiet, seconds: 60 });
    return problem === undefined ? parseVersion(stdout) : undefined;
}

function readProvenances(folder: string): Provenances {
    try {
        return JSON.parse(readFileSync(join(folder, "provenance.json"), "utf8")) as Provenances;
    } catch {
        return {};
    }
}

async function note(folder: string, name: EngineProgram["name"], origin: Pick<Provenance, "from" | "sha256">) {
    const { size, mtimeMs } = statSync(join(folder, name));
    const entry: Provenance = {
        version: pulumiVersion,
        ...origin,
        at: new Date().toISOString(),
        size,
        modified: Math.trunc(mtimeMs),
    };
    const unfinished = join(folder, `provenance.json.${process.pid}`);
    await writeFile(unfinished, `${JSON.stringify({ ...readProvenances(folder), [name]: entry }, null, 4)}\n`);
    await rename(unfinished, join(folder, "provenance.json"));
}

/** What a killed build or download left; only the holder of the lock calls this. */
async function removeUnfinished(folder: string): Promise<void> {
    const parent = dirname(folder);
    const leftovers = [
        ...(await readdir(folder)).filter(name => /\.\d+$/.test(name)).map(name => join(folder, name)),
        ...(await readdir(parent)).filter(name => name.startsWith("bin.download-")).map(name => join(parent, name)),
    ];
    for (const path of leftovers) await rm(path, { recursive: true, force: true });
}
