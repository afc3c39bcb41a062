import { execFile } from "node:child_process";
import { access, mkdir, readFile, rename } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../..");
const module = join(import.meta.dirname, "go");

/** Far above what a build here takes (40 s with nothing in Go's cache, on two cores), in milliseconds. */
const limit = 300_000;

/** The programs, by the packages that go.mod names as tools. */
const packages = {
    gofakes3: "github.com/johannesboyne/gofakes3/cmd/gofakes3",
    actionlint: "github.com/rhysd/actionlint/cmd/actionlint",
} as const;

/**
 * A program that tests run, built once from its Go module and kept in `.local`.
 *
 * @returns its path, or why it cannot be had here: then the test is skipped with that
 */
export async function goTool(name: keyof typeof packages): Promise<{ path: string } | { missing: string }> {
    const { [name]: what } = packages;
    const versions = await readFile(join(module, "go.mod"), "utf8");
    const version = versions.split("\n").find(line => what.startsWith(line.trim().split(" ")[0] || "?"));
    const folder = join(root, ".local", "tests", "bin");
    const path = join(folder, `${name}-${version?.trim().split(" ")[1] ?? "unknown"}`);
    if (await exists(path)) return { path };
    const env = {
        ...process.env,
        PATH: [process.env.PATH ?? "", "/usr/local/go/bin"].join(delimiter),
        CGO_ENABLED: "0",
        GOWORK: "off",
    };
    const unfinished = `${path}.${process.pid}`;
    try {
        await mkdir(folder, { recursive: true });
        await promisify(execFile)("go", ["build", "-mod=readonly", "-trimpath", "-o", unfinished, what], {
            cwd: module,
            env,
            timeout: limit,
        });
        await rename(unfinished, path);
        return { path };
    } catch (error) {
        return { missing: `${name} cannot be built here: ${(error as Error).message.split("\n")[0]}` };
    }
}

async function exists(file: string): Promise<boolean> {
    return await access(file).then(
        () => true,
        () => false,
    );
}
