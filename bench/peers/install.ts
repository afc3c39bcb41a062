import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root, runProgram } from "../support/node.ts";
import { goPeers, npmPeers, pgrollVersion } from "./pins.ts";

/** Everything that peers need is in here, and nowhere else. */
const folder = join(root, ".local", "peers");
const npmFolder = join(folder, "npm");
const goFolder = join(folder, "bin");

/** Where packages from npm are, for a program that imports one. */
export const npmModules = join(npmFolder, "node_modules");

/** Go's own default place, for shells whose PATH does not know it. */
const path = [process.env.PATH, "/usr/local/go/bin"].join(":");

/** The shell's own proxies and caches count for an installation, as for everything else that it installs. */
const environment = (): Record<string, string> => ({ ...(process.env as Record<string, string>), PATH: path });

type NpmPeer = keyof typeof npmPeers;

/**
 * The file of a package from npm, installed when it is not there yet.
 *
 * @param file below the package
 * @throws Error when npm does not get it
 */
export async function npmPeer(name: NpmPeer, file: string): Promise<string> {
    const place = join(npmModules, name, file);
    const installed = join(npmFolder, `installed-${Object.entries(npmPeers).flat().join("-")}`);
    if (!existsSync(installed)) {
        await mkdir(npmFolder, { recursive: true });
        await writeFile(
            join(npmFolder, "package.json"),
            JSON.stringify({ private: true, dependencies: npmPeers }, undefined, 4),
        );
        // No package runs code at install, as for our own.
        const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        await runProgram("npm", ["install", ...quiet], { cwd: npmFolder, env: environment() });
        await writeFile(installed, "");
    }
    if (!existsSync(place)) throw new Error(`the package ${name} has no ${file}`);
    return place;
}

/**
 * The program that a package of a platform of its own holds, for example dbmate's, without the start of Node before it.
 *
 * @param scope of the packages, for example `@dbmate/`
 */
export async function npmBinary(name: NpmPeer, scope: string, file: string): Promise<string> {
    await npmPeer(name, "package.json");
    const place = join(npmModules, `${scope}${process.platform}-${process.arch}`, file);
    if (!existsSync(place)) throw new Error(`${name} has no program for ${process.platform} ${process.arch}`);
    return place;
}

/** The program of a Go module, built when it is not there yet. @throws Error when Go does not get or build it */
export async function goPeer(name: keyof typeof goPeers): Promise<string> {
    const { version, package: module, tags } = goPeers[name];
    const place = join(goFolder, version);
    const program = join(place, name);
    if (!existsSync(program)) {
        await mkdir(place, { recursive: true });
        await runProgram("go", ["install", "-tags", tags, `${module}@v${version}`], {
            cwd: place,
            env: { ...environment(), GOBIN: place },
        });
    }
    return program;
}

/** pgroll, which needs a C compiler as well. `go install` asks a proxy for more than this version; a module does not. */
export async function pgrollPeer(): Promise<string> {
    const program = join(goFolder, pgrollVersion, "pgroll");
    if (!existsSync(program)) {
        await mkdir(join(goFolder, pgrollVersion), { recursive: true });
        await runProgram("go", ["build", "-mod=readonly", "-trimpath", "-o", program, "github.com/xataio/pgroll"], {
            cwd: join(import.meta.dirname, "pgroll"),
            env: environment(),
        });
    }
    return program;
}
