import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { shellQuoted } from "../../toolchain/shellQuoted.ts";
import { inScratch, put, putScript, systemPath } from "./scratch.ts";

const toolchain = join(import.meta.dirname, "..", "..", "toolchain");
const pinned = `node_modules/node-${process.platform}-${process.arch}`;
const forOthers = { "node_modules/elsewhere": { version: "1.0.0", optional: true, os: ["plan9"], cpu: ["mips"] } };
const packages = (version: string) => ({ "node_modules/a": { version, integrity: "sha512-a" } });
const lockfile = (version: string) => JSON.stringify({ packages: { "": {}, ...packages(version), ...forOthers } });

/**
 * A project with a lockfile and one script, and an npm that "installs" a Node whose script says that it ran and that
 * counts how often it is called.
 */
function project(folder: string) {
    const root = join(folder, "project");
    mkdirSync(join(root, "toolchain"), { recursive: true });
    for (const file of ["enter.mjs", "lock.mjs"]) cpSync(join(toolchain, file), join(root, "toolchain", file));
    put(join(root, "package.json"), JSON.stringify({ type: "module" }));
    put(join(root, "package-lock.json"), lockfile("1.0.0"));
    put(
        join(root, "hello.ts"),
        `const words: string[] = process.argv.slice(2);
if (words[0] === "die") process.kill(process.pid, "SIGKILL");
console.log(JSON.stringify({ words, path: process.env.PATH, cache: process.env.NODE_COMPILE_CACHE, by: process.env.BY }));
process.exitCode = Number(words[0] ?? 0);`,
    );
    const calls = join(folder, "npm calls");
    const bin = join(root, pinned, "bin");
    const npm = putScript(
        join(folder, "tools", "npm"),
        `echo "$@" >> ${shellQuoted(calls)}
echo "npm talks on standard output"
sleep 0.3
mkdir -p ${shellQuoted(bin)}
printf '#!/bin/sh\\nBY=pinned exec "%s" "$@"\\n' ${shellQuoted(process.execPath)} > ${shellQuoted(join(bin, "node"))}
chmod +x ${shellQuoted(join(bin, "node"))}`,
    );
    const enter = (...args: string[]) => enterAs({}, ...args);
    const enterAs = async (user: { uid?: number }, ...args: string[]) => {
        const child = spawn(process.execPath, [join(root, "toolchain", "enter.mjs"), "hello.ts", ...args], {
            cwd: folder,
            env: { HOME: folder, PATH: `${join(folder, "tools")}:${systemPath}` },
            stdio: ["ignore", "pipe", "pipe"],
            timeout: 20_000,
            ...user,
        });
        const ended = new Promise<[number | null, NodeJS.Signals | null]>(resolve =>
            child.on("exit", (...how) => resolve(how)),
        );
        const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
        return { stdout, stderr, code, signal };
    };
    const installs = () => (existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n").length : 0);
    return { root, npm, bin, enter, enterAs, installs, marker: join(root, "node_modules", ".simulation-db-lock") };
}

describe("enter.mjs", () => {
    it("installs what the lockfile names, once, and runs the script with the pinned Node", () =>
        inScratch(async folder => {
            const { root, bin, enter, installs, marker } = project(folder);
            const first = await enter("0", "a b", "c'd");
            assert.match(
                first.stderr,
                /^toolchain: installing packages \(npm ci, about half a minute, once\) \.\.\.\n/,
            );
            const said = JSON.parse(first.stdout);
            assert.deepEqual(said.words, ["0", "a b", "c'd"]);
            assert.equal(said.by, "pinned");
            assert.equal(said.path.split(":")[0], bin);
            assert.equal(said.cache, join(root, ".local", "node-cache"));
            const sum = createHash("sha256").update(lockfile("1.0.0")).digest("hex");
            assert.equal(readFileSync(marker, "utf8"), `${sum} ${process.platform}-${process.arch}\n`);
            const second = await enter("0");
            assert.equal(second.stderr, "");
            assert.equal(installs(), 1);
        }));

    it("installs again when the lockfile has changed", () =>
        inScratch(async folder => {
            const { root, enter, installs } = project(folder);
            await enter("0");
            writeFileSync(join(root, "package-lock.json"), lockfile("1.0.1"));
            assert.match((await enter("0")).stderr, /installing packages/);
            assert.equal((await enter("0")).stderr, "");
            assert.equal(installs(), 2);
        }));

    it("takes over packages that were installed by hand, if they are those of the lockfile", () =>
        inScratch(async folder => {
            const { root, enter, installs } = project(folder);
            put(join(root, "node_modules", "a", "package.json"), "{}");
            const record = join(root, "node_modules", ".package-lock.json");
            put(record, JSON.stringify({ packages: packages("0.9.0") }));
            await enter("0");
            assert.equal(installs(), 1);
            rmSync(join(root, "node_modules", ".simulation-db-lock"));
            put(record, JSON.stringify({ packages: packages("1.0.0") }));
            assert.equal((await enter("0")).stderr, "");
            assert.equal(installs(), 1);
        }));

    it("two at once: one installs, the other waits and goes on", () =>
        inScratch(async folder => {
            const { enter, installs } = project(folder);
            const [a, b] = await Promise.all([enter("0"), enter("0")]);
            assert.deepEqual([a.code, b.code], [0, 0]);
            assert.match(a.stderr + b.stderr, /waiting for process (\d+|\?), which is installing packages/);
            assert.equal(installs(), 1);
        }));

    it("says how to get a .local that somebody else was killed in, and does not wait for the dead", function () {
        // Root may write everywhere, so it is somebody else here.
        const user = process.getuid?.() === 0 ? { uid: 65_534 } : {};
        if (spawnSync(process.execPath, ["--version"], user).status !== 0) this.skip();
        return inScratch(async folder => {
            const { root, enterAs, installs } = project(folder);
            put(join(root, ".local", "install.lock"), `${spawnSync("true").pid} ${hostname()} x\n`);
            chmodSync(folder, 0o755);
            chmodSync(join(root, ".local"), 0o555);
            const { code, stderr } = await enterAs(user, "0");
            chmodSync(join(root, ".local"), 0o755);
            assert.match(
                stderr,
                /^toolchain: the packages could not be installed: EACCES: .*\ntoolchain: {3}→ .*: sudo chown -R \$\(id -u\) \.local\n$/,
            );
            assert.deepEqual([code, installs()], [1, 0]);
        });
    });

    it("a failed installation ends with what to do, and is tried again next time", () =>
        inScratch(async folder => {
            const { npm, enter, marker } = project(folder);
            const good = readFileSync(npm, "utf8");
            putScript(npm, `echo "npm error network" >&2; exit 7`);
            const { code, stdout, stderr } = await enter("0");
            assert.equal(code, 1);
            assert.equal(stdout, "");
            assert.match(stderr, /npm error network\n.*npm ci ended with exit code 7\.\n {0,3}.*→/s);
            assert.ok(!existsSync(marker));
            writeFileSync(npm, good);
            assert.equal((await enter("0")).code, 0);
        }));

    it("passes on the exit code, and the signal that ended the script", () =>
        inScratch(async folder => {
            const { enter } = project(folder);
            assert.equal((await enter("7")).code, 7);
            const { code, signal } = await enter("die");
            assert.deepEqual([code, signal], [null, "SIGKILL"]);
        }));

    it("goes on with the running Node where the pinned one cannot be started", () =>
        inScratch(async folder => {
            const { enter, bin } = project(folder);
            await enter("0");
            // As a Node for another C library: it is there, but its loader is not.
            put(join(bin, "node"), "#!/no/such/loader\n");
            chmodSync(join(bin, "node"), 0o755);
            const { stdout, code } = await enter("0");
            assert.equal(code, 0);
            assert.equal(JSON.parse(stdout).by, undefined);
        }));
});
