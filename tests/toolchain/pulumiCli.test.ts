import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../runner/userError.ts";
import { pulumiVersion } from "../../toolchain/pins.ts";
import { ensurePulumi, installedPulumi } from "../../toolchain/pulumiCli.ts";
import { type FakeSite, fakeSite, sha256 } from "./fakeSite.ts";
import { inScratch, put, putScript, systemPath } from "./scratch.ts";

const host = "pulumi-language-nodejs";
const hostScript = `echo "Usage of $0:"`;
const archive = `pulumi-v${pulumiVersion}-${process.platform}-${process.arch}.tar.gz`;
const checksums = `/releases/sdk/pulumi-${pulumiVersion}-checksums.txt`;

function putPulumi(folder: string, version: string, options: { host: boolean } = { host: true }): string {
    if (options.host) putScript(join(folder, host), hostScript);
    return putScript(join(folder, "pulumi"), `[ "$1" = version ] && echo "${version}"`);
}

/** An archive as the official one is laid out, with scripts for programs. */
function packed(folder: string): Buffer {
    putPulumi(join(folder, "pulumi"), `v${pulumiVersion}`);
    put(join(folder, "pulumi", "pulumi-language-go"), "not wanted");
    execFileSync("tar", ["-czf", join(folder, archive), "-C", folder, "pulumi"]);
    return readFileSync(join(folder, archive));
}

/** A Go that writes down that it was called and "builds" scripts. */
function putGo(folder: string): void {
    putScript(
        join(folder, "go"),
        `if [ "$1" = env ]; then echo go1.26.8; exit; fi
for last; do :; done
echo "$last" >> '${join(folder, "built").replaceAll("'", `'\\''`)}'
while [ "$1" != -o ]; do shift; done
case "$last" in
    */pulumi) printf '#!/bin/sh\\necho v${pulumiVersion}\\n' > "$2" ;;
    *) printf '#!/bin/sh\\necho "Usage of %s:"\\n' "$2/${host}" > "$2" ;;
esac
chmod +x "$2"`,
    );
}

function built(folder: string): string[] {
    const file = join(folder, "built");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

/** A project folder with what a build needs; `run` ensures Pulumi in it and returns the lines said. */
function project(folder: string, site: FakeSite | undefined, extra: NodeJS.ProcessEnv = {}) {
    const root = join(folder, "project");
    const tools = join(folder, "tools");
    for (const module of ["cli", "nodejs-host"]) mkdirSync(join(root, "toolchain", "go", module), { recursive: true });
    putGo(tools);
    const lines: string[] = [];
    // Port 9 is closed on any machine that has no business with it.
    const env = {
        PATH: `${tools}:${systemPath}`,
        SIMULATION_DB_PULUMI_SITE: site?.url ?? "http://127.0.0.1:9",
        ...extra,
    };
    const run = () => ensurePulumi({ root, env, say: line => lines.push(line) });
    return { root, tools, lines, run, bin: join(root, ".local", "pulumi", "bin") };
}

async function withSite(files: Record<string, Buffer | string>, work: (site: FakeSite) => Promise<void>) {
    const site = await fakeSite(files);
    try {
        await work(site);
    } finally {
        await site.close();
    }
}

describe("an installed Pulumi", () => {
    it("that is new enough is used as it is, without a change to PATH", () =>
        inScratch(async folder => {
            const command = putPulumi(join(folder, "a b"), "v3.231.1");
            const found = await installedPulumi({ PATH: `${join(folder, "a b")}:${systemPath}` }, "/own");
            assert.deepEqual(found, { command, version: "3.231.1", folders: [] });
        }));

    it("that is too old is passed over for a newer one further down PATH, which then goes first", () =>
        inScratch(async folder => {
            putPulumi(join(folder, "old"), "v3.229.9");
            const command = putPulumi(join(folder, "new"), `v${pulumiVersion}`);
            const refused: string[] = [];
            const path = [join(folder, "old"), join(folder, "new"), systemPath].join(":");
            const found = await installedPulumi({ PATH: path }, "/own", refused);
            assert.deepEqual(found, { command, version: pulumiVersion, folders: [join(folder, "new")] });
            assert.match(refused.join(), /old\/pulumi is passed over: it is 3\.229\.9, needed is 3\.x from/);
        }));

    it("of another major version, without a version or without a language host is not used", () =>
        inScratch(async folder => {
            putPulumi(join(folder, "next"), "v4.0.0", { host: false });
            putPulumi(join(folder, "mute"), "", { host: false });
            putPulumi(join(folder, "alone"), "v3.240.0", { host: false });
            const refused: string[] = [];
            const path = ["next", "mute", "alone"].map(name => join(folder, name)).join(":");
            assert.equal(await installedPulumi({ PATH: `${path}:${systemPath}` }, "/own", refused), undefined);
            assert.deepEqual(
                refused.map(reason => reason.replace(/^.* is passed over: /, "")),
                [
                    `it is 4.0.0, needed is 3.x from ${pulumiVersion} on`,
                    "it does not tell its version",
                    `there is no ${host} beside it or on PATH`,
                ],
            );
        }));
});

describe("a Pulumi that is fetched", () => {
    it("comes from the official release, against its published checksum, and is asked for once", () =>
        inScratch(async folder => {
            const content = packed(join(folder, "release"));
            const files = { [`/releases/sdk/${archive}`]: content, [checksums]: `${sha256(content)}  ${archive}\n` };
            await withSite(files, async site => {
                const { run, bin, tools } = project(folder, site);
                assert.deepEqual(await run(), {
                    command: join(bin, "pulumi"),
                    version: pulumiVersion,
                    folders: [bin],
                });
                assert.deepEqual(readdirSync(bin).sort(), ["provenance.json", "pulumi", host]);
                const { pulumi } = JSON.parse(readFileSync(join(bin, "provenance.json"), "utf8"));
                assert.equal(pulumi.from, `${site.url}/releases/sdk/${archive}`);
                assert.equal(pulumi.sha256, sha256(content));
                assert.equal(site.asked.length, 2);
                await run();
                assert.equal(site.asked.length, 2);
                assert.deepEqual(built(tools), []);
            });
        }));

    it("is refused when the checksum does not fit, and nothing of it is kept", () =>
        inScratch(async folder => {
            const content = packed(join(folder, "release"));
            const files = { [`/releases/sdk/${archive}`]: content, [checksums]: `${"0".repeat(64)}  ${archive}\n` };
            await withSite(files, async site => {
                const { run, bin, tools } = project(folder, site);
                await assert.rejects(run, (error: unknown) => {
                    assert.ok(error instanceof UserError);
                    assert.match(
                        error.message,
                        /is not what was published: its SHA-256 is [0-9a-f]{64}, expected was 0{64}/,
                    );
                    return true;
                });
                assert.deepEqual(readdirSync(bin), []);
                assert.deepEqual(readdirSync(join(bin, "..")), ["bin"]);
                assert.deepEqual(built(tools), []);
            });
        }));

    it("is built from Go modules where the site is closed, once, and needs neither network nor Go after that", () =>
        inScratch(async folder => {
            const { run, bin, lines, tools, root } = project(folder, undefined);
            await run();
            assert.match(lines[0] ?? "", /no official download of Pulumi from here/);
            assert.match(lines[1] ?? "", /building the Pulumi CLI .* \(about 4 minutes, once\)/);
            assert.match(lines[2] ?? "", /building the Node.js language host/);
            assert.equal(built(tools).length, 2);
            assert.match(readFileSync(join(bin, "provenance.json"), "utf8"), /"from": "go github.com\/pulumi/);
            const again = await ensurePulumi({ root, env: { PATH: systemPath }, say: assert.fail });
            assert.equal(again.command, join(bin, "pulumi"));
        }));

    it("is built when the site has no such release, or shows a page of its own instead", () =>
        inScratch(async folder => {
            await withSite({ [checksums]: "<html>please log in</html>" }, async site => {
                const { run, tools, lines } = project(folder, site);
                await run();
                assert.match(lines[0] ?? "", /no checksum of pulumi-v.* is published/);
                assert.equal(built(tools).length, 2);
            });
        }));

    it("is not looked for on the network with SIMULATION_DB_OFFLINE=1", () =>
        inScratch(async folder => {
            await withSite({}, async site => {
                const { run, tools } = project(folder, site, { SIMULATION_DB_OFFLINE: "1" });
                await run();
                assert.deepEqual(site.asked, []);
                assert.equal(built(tools).length, 2);
            });
        }));

    it("is built by one of two processes that start at once; the other waits", () =>
        inScratch(async folder => {
            const { run, tools, lines } = project(folder, undefined, { SIMULATION_DB_OFFLINE: "1" });
            await Promise.all([run(), run()]);
            assert.equal(built(tools).length, 2);
            assert.equal(lines.filter(line => line.startsWith("waiting for process")).length, 1);
        }));

    it("replaces what broke: a program that does not run is built again, the other one stays", () =>
        inScratch(async folder => {
            const { run, tools, bin } = project(folder, undefined, { SIMULATION_DB_OFFLINE: "1" });
            await run();
            putScript(join(bin, "pulumi"), "exit 1");
            await run();
            assert.deepEqual(built(tools).slice(2), ["github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"]);
        }));

    it("without a usable Go, says what to install", () =>
        inScratch(async folder => {
            const { run, tools } = project(folder, undefined, { SIMULATION_DB_OFFLINE: "1" });
            putScript(join(tools, "go"), "echo go1.19.8");
            await assert.rejects(run, (error: unknown) => {
                assert.ok(error instanceof UserError);
                assert.match(error.message, /cannot build Pulumi: it is go1\.19\.8/);
                assert.match(
                    error.next.join(" "),
                    /Install Go 1\.25\.8 or later .* or install Pulumi 3\.230\.0 or later/,
                );
                return true;
            });
        }));

    it("shows the compiler's words when the build fails, and leaves nothing half done", () =>
        inScratch(async folder => {
            const { run, tools, bin } = project(folder, undefined, { SIMULATION_DB_OFFLINE: "1" });
            putScript(join(tools, "go"), `[ "$1" = env ] && echo go1.26.8 && exit; echo "no space left" >&2; exit 1`);
            await assert.rejects(run, /go build of .* ended with exit code 1:\nno space left/);
            assert.deepEqual(readdirSync(bin), []);
        }));
});
