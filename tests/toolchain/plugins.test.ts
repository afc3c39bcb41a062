import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../runner/userError.ts";
import { pluginVersions } from "../../toolchain/pins.ts";
import { ensurePlugins, type PluginOptions } from "../../toolchain/plugins.ts";
import { fakeSite } from "./fakeSite.ts";
import { inScratch, put, putScript, systemPath } from "./scratch.ts";

const names = ["command", "postgresql"] as const;
const closed = "http://127.0.0.1:9";

function executable(pulumiHome: string, name: (typeof names)[number]): string {
    return join(pulumiHome, "plugins", `resource-${name}-v${pluginVersions[name]}`, `pulumi-resource-${name}`);
}

/** A project with stand-ins that print their arguments, and a Pulumi that "installs" the plugin `command` only. */
function project(folder: string, changes: Partial<PluginOptions> = {}) {
    const root = join(folder, "project");
    const pulumiHome = join(root, ".local", "pulumi", "home");
    for (const name of names)
        put(join(root, "toolchain", "standin", `${name}.ts`), "console.log(JSON.stringify(process.argv.slice(2)));");
    const command = putScript(
        join(folder, "pulumi"),
        `echo "$@" >> "$0.calls"
[ "$4" = command ] || { echo "error: no such plugin" >&2; exit 1; }
folder="$PULUMI_HOME/plugins/resource-$4-v$5"
rm -rf "$folder"
mkdir -p "$folder"
printf '#!/bin/sh\\necho official\\n' > "$folder/pulumi-resource-$4"
chmod +x "$folder/pulumi-resource-$4"`,
    );
    const lines: string[] = [];
    const options: PluginOptions = {
        root,
        pulumiHome,
        cli: { command, version: "3.230.0", folders: [] },
        env: { PATH: systemPath, SIMULATION_DB_PULUMI_SITE: closed },
        standIns: true,
        say: line => lines.push(line),
        ...changes,
    };
    const calls = () => readFileSync(`${command}.calls`, "utf8").trimEnd().split("\n");
    return { root, pulumiHome, lines, calls, options, run: () => ensurePlugins(options) };
}

describe("the provider plugins", () => {
    it("that cannot be downloaded are stood in for, which one line says; their arguments arrive as they are", () =>
        inScratch(async folder => {
            const { run, lines, pulumiHome } = project(folder);
            await run();
            assert.match(lines.at(-1) ?? "", /^stand-in plugins serve for command 1\.2\.1 and postgresql 3\.18\.0/);
            const printed = execFileSync(executable(pulumiHome, "command"), ["127.0.0.1:1", "a b"], {
                encoding: "utf8",
            });
            assert.deepEqual(JSON.parse(printed), ["127.0.0.1:1", "a b"]);
        }));

    it("are not looked for again within a day after that failed, but are afterwards", () =>
        inScratch(async folder => {
            const { run, lines, root } = project(folder);
            const looked = () => lines.filter(line => line.startsWith("looking for")).length;
            await run();
            await run();
            assert.equal(looked(), 1);
            assert.equal(lines.filter(line => line.startsWith("stand-in plugins serve")).length, 1);
            const old = new Date(Date.now() - 25 * 3600 * 1000);
            utimesSync(join(root, ".local", "pulumi", "plugins-not-available"), old, old);
            await run();
            assert.equal(looked(), 2);
        }));

    it("are not looked for at all with SIMULATION_DB_OFFLINE=1", () =>
        inScratch(async folder => {
            const { run, lines } = project(folder, {
                env: { PATH: systemPath, SIMULATION_DB_PULUMI_SITE: closed, SIMULATION_DB_OFFLINE: "1" },
            });
            await run();
            assert.equal(lines.length, 1);
        }));

    it("that the site has are installed in place of a stand-in; only the others are stood in for", () =>
        inScratch(async folder => {
            const { run, pulumiHome, options, root } = project(folder);
            await run();
            const site = await fakeSite({});
            try {
                const old = new Date(0);
                utimesSync(join(root, ".local", "pulumi", "plugins-not-available"), old, old);
                const lines: string[] = [];
                const env = { PATH: systemPath, SIMULATION_DB_PULUMI_SITE: site.url };
                await ensurePlugins({ ...options, env, say: line => lines.push(line) });
                assert.equal(execFileSync(executable(pulumiHome, "command"), { encoding: "utf8" }), "official\n");
                assert.match(lines.join("\n"), /postgresql 3\.18\.0 could not be installed: error: no such plugin/);
                assert.match(lines.at(-1) ?? "", /^stand-in plugins serve for postgresql 3\.18\.0:/);
            } finally {
                await site.close();
            }
        }));

    it("that are installed are left alone, without a word and without the network", () =>
        inScratch(async folder => {
            const { options, pulumiHome } = project(folder);
            for (const name of names) putScript(executable(pulumiHome, name), "echo mine");
            await ensurePlugins({ ...options, say: assert.fail });
            for (const name of names) assert.match(readFileSync(executable(pulumiHome, name), "utf8"), /echo mine/);
        }));

    it("of a real project are official or an error that says how to get them", () =>
        inScratch(async folder => {
            const { run, pulumiHome } = project(folder, { standIns: false });
            await assert.rejects(run, (error: unknown) => {
                assert.ok(error instanceof UserError);
                assert.match(error.message, /plugins postgresql 3\.18\.0 are not installed/);
                assert.match(error.next[0] ?? "", /: pulumi plugin install resource postgresql 3\.18\.0$/);
                return true;
            });
            // The site does not answer us; the engine may know a way round, such as a proxy or a mirror.
            assert.equal(execFileSync(executable(pulumiHome, "command"), { encoding: "utf8" }), "official\n");
            assert.ok(!existsSync(executable(pulumiHome, "postgresql")));
        }));

    it("come from the site that is named instead of the engine's own", () =>
        inScratch(async folder => {
            const named = project(join(folder, "named"), { standIns: false });
            await assert.rejects(named.run, /postgresql/);
            const server = ` --server ${closed}/releases/plugins`;
            assert.deepEqual(named.calls(), [
                `plugin install resource command 1.2.1 --reinstall${server}`,
                `plugin install resource postgresql 3.18.0 --reinstall${server}`,
            ]);
            const own = project(join(folder, "own"), { standIns: false, env: { PATH: systemPath } });
            await assert.rejects(own.run, /postgresql/);
            assert.deepEqual(
                own.calls(),
                named.calls().map(call => call.replace(server, "")),
            );
        }));

    it("stand-ins follow the project when it is moved", () =>
        inScratch(async folder => {
            const { run, pulumiHome, options } = project(folder);
            await run();
            const moved = join(folder, "moved");
            await ensurePlugins({ ...options, root: moved });
            assert.match(
                readFileSync(executable(pulumiHome, "command"), "utf8"),
                /moved\/toolchain\/standin\/command\.ts/,
            );
        }));
});
