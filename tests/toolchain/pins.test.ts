import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { enginePrograms, goVersion, pluginVersions, pulumiVersion } from "../../toolchain/pins.ts";

const root = join(import.meta.dirname, "..", "..");
const readJson = (...path: string[]) => JSON.parse(readFileSync(join(root, ...path), "utf8"));
const goMod = (folder: string) => readFileSync(join(root, "toolchain", "go", folder, "go.mod"), "utf8");

describe("pinned versions", () => {
    it("are those of the SDK packages, which tell the engine what plugin to load", () => {
        const { dependencies } = readJson("package.json");
        assert.equal(dependencies["@pulumi/pulumi"], pulumiVersion);
        for (const [name, version] of Object.entries(pluginVersions)) {
            assert.equal(dependencies[`@pulumi/${name}`], version);
            assert.equal(readJson("node_modules", "@pulumi", name, "package.json").version, version);
        }
    });

    it("are those that the Go modules build", () => {
        assert.match(goMod("cli"), new RegExp(`^\\s+github.com/pulumi/pulumi/pkg/v3 v${pulumiVersion}\\b`, "m"));
        assert.match(goMod("cli"), new RegExp(`^go ${goVersion}$`, "m"));
        const readme = readFileSync(join(root, "README.md"), "utf8");
        assert.ok(readme.includes(`or Go ${goVersion.replace(/\.\d+$/, "")} to build`), "README.md says which Go");
        for (const { folder, package: path } of enginePrograms)
            assert.match(goMod(folder), new RegExp(`^tool ${path}$`, "m"));
    });

    it("are in the lockfile for machines of every kind, or npm ci refuses it", () => {
        const { packages } = readJson("package-lock.json") as {
            packages: Record<string, { optionalDependencies?: Record<string, string> }>;
        };
        const locked = Object.keys(packages);
        const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
            Object.keys(optionalDependencies),
        );
        const missing = wanted.filter(name => !locked.some(path => path.endsWith(`node_modules/${name}`)));
        assert.deepEqual(missing, []);
    });
});
