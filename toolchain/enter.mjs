import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir, constants as system } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "./lock.mjs";

// The door to everything here: `node toolchain/enter.mjs SCRIPT.ts [arguments]`.
// Any Node from 18 on runs this file (and lock.mjs); SCRIPT.ts gets the Node that package-lock.json pins.

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const marker = join(modules, ".simulation-db-lock");
const runtime = join(root, ".local");

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, os?: string | string[],
 *     cpu?: string | string[], libc?: string | string[] }} Locked
 */

/** Are the installed packages those of package-lock.json, on this kind of machine? */
function packagesAreFresh() {
    const text = read(join(root, "package-lock.json"));
    const wanted = fingerprint(text);
    if (read(marker) === wanted) return true;
    // Installed by hand (`npm ci`, `npm install`): the same packages, only without our mark.
    if (!agrees(text, read(join(modules, ".package-lock.json")))) return false;
    mark(wanted);
    return true;
}

/** @param {string} lockfile */
function fingerprint(lockfile) {
    return `${createHash("sha256").update(lockfile).digest("hex")} ${process.platform}-${process.arch}\n`;
}

/** @param {string} wantedText @param {string} installedText npm's own record of what is in node_modules */
function agrees(wantedText, installedText) {
    if (installedText === "") return false;
    /** @type {Record<string, Locked>} */
    const wanted = JSON.parse(wantedText).packages;
    /** @type {Record<string, Locked>} */
    const installed = JSON.parse(installedText).packages;
    return Object.entries(wanted).every(([path, want]) => {
        if (path === "") return true;
        const have = installed[path];
        if (have === undefined) return want.optional === true && !isForThisMachine(want);
        const same =
            have.version === want.version && (have.integrity ?? want.integrity) === (want.integrity ?? have.integrity);
        return same && existsSync(join(root, path));
    });
}

/** @param {Locked} want */
function isForThisMachine({ os, cpu, libc }) {
    return (
        os !== undefined && [os].flat().includes(process.platform) && [cpu ?? []].flat().includes(process.arch) && !libc
    );
}

/** @returns {Promise<boolean>} false when that failed: the reason and what to do is printed */
async function installPackages() {
    say("installing packages (npm ci, about half a minute, once) ...");
    const cache = process.env.npm_config_cache ?? join(homedir(), ".npm");
    // What `npm run -s` or a production shell hands down must neither hide the reasons of a failure nor leave out a part.
    const options = ["--loglevel=error", "--include=dev", "--include=optional", "--no-audit", "--no-fund"];
    const failure = await new Promise(done => {
        const npm = spawn("npm", ["ci", ...options], {
            cwd: root,
            // Standard output belongs to SCRIPT.ts (`npm run -s env` is evaluated by a shell).
            stdio: ["ignore", 2, 2],
            env: isWritable(cache) ? process.env : { ...process.env, npm_config_cache: join(runtime, "npm") },
        });
        const terminate = () => void npm.kill("SIGTERM");
        process.once("SIGTERM", terminate);
        npm.on("error", error => done(`npm could not be started: ${error.message}`));
        npm.on("exit", (code, signal) => {
            process.off("SIGTERM", terminate);
            done(code === 0 ? undefined : `npm ci ended with ${signal ?? `exit code ${code}`}`);
        });
    });
    if (failure === undefined) {
        mark(fingerprint(read(join(root, "package-lock.json"))));
        return true;
    }
    say(`the packages could not be installed: ${failure}.`);
    say("  → npm's own words stand above. This step needs your npm registry, once; later starts work offline.");
    say(`  → To see more, run \`npm ci\` in ${root}`);
    return false;
}

/** @param {string} wanted */
function mark(wanted) {
    try {
        writeFileSync(marker, wanted);
    } catch {
        // Packages that another account installed and we may only read: compared anew every time, which also works.
    }
}

/** The pinned Node, or the running one where the lockfile has none for this machine. */
function nodes() {
    const pinned = join(modules, `node-${process.platform}-${process.arch}`, "bin", "node");
    const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
    const stripsTypes = major >= 24 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
    return [...(existsSync(pinned) ? [pinned] : []), ...(stripsTypes ? [process.execPath] : [])];
}

/** @param {string[]} candidates @param {string[]} args @returns {void} */
function run(candidates, args) {
    const [node, ...others] = candidates;
    if (node === undefined) {
        say(`no usable Node: ${process.version} cannot run TypeScript, and there is no pinned Node for`);
        say(`${process.platform}-${process.arch}.`);
        say("  → Install Node 22.18 or later (24 is what this project is tested with).");
        process.exit(1);
    }
    const child = spawn(node, args, {
        stdio: "inherit",
        env: {
            ...process.env,
            PATH: [dirname(node), process.env.PATH].filter(Boolean).join(delimiter),
            NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(runtime, "node-cache"),
        },
    });
    const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    // At a terminal the child gets ^C itself; passing it on would be a second one, which Pulumi takes for "stop now".
    const interrupt = () => void (atTerminal || child.kill("SIGINT"));
    const terminate = () => void child.kill("SIGTERM");
    process.on("SIGINT", interrupt).on("SIGTERM", terminate);
    child.on("error", error => {
        process.off("SIGINT", interrupt).off("SIGTERM", terminate);
        // Present but not executable here, such as a Node for another C library.
        if (others.length > 0) return run(others, args);
        say(`${node} could not be started: ${error.message}`);
        process.exit(1);
    });
    child.on("exit", (code, signal) => {
        process.off("SIGINT", interrupt).off("SIGTERM", terminate);
        if (signal === null) process.exit(code ?? 1);
        process.exitCode = 128 + (system.signals[signal] ?? 0);
        process.kill(process.pid, signal);
    });
}

/** May we write there, or make it? @param {string} folder @returns {boolean} */
function isWritable(folder) {
    if (!existsSync(folder)) return dirname(folder) !== folder && isWritable(dirname(folder));
    try {
        accessSync(folder, constants.W_OK);
        return true;
    } catch {
        return false;
    }
}

/** @param {string} path */
function read(path) {
    try {
        return readFileSync(path, "utf8");
    } catch {
        return "";
    }
}

/** @param {string} line */
function say(line) {
    process.stderr.write(`toolchain: ${line}\n`);
}

const [script, ...rest] = process.argv.slice(2);
if (script === undefined) {
    say("usage: node toolchain/enter.mjs SCRIPT.ts [arguments]");
    process.exit(2);
}
if (!packagesAreFresh()) {
    const waiting = (/** @type {string} */ holder) => say(`waiting for ${holder}, which is installing packages ...`);
    const install = async () => packagesAreFresh() || (await installPackages());
    const ready = await withLock(join(runtime, "install.lock"), waiting, install).catch(error => {
        say(`the packages could not be installed: ${error.message}`);
        // As after a start with sudo.
        if (error.code === "EACCES") say("  → Give the folder .local to yourself: sudo chown -R $(id -u) .local");
        return false;
    });
    if (!ready) process.exit(1);
}
run(nodes(), [resolve(root, script), ...rest]);
