import { accessSync, constants } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../runner/userError.ts";
import { runCaptured } from "./child.ts";
import { firstOnPath } from "./commandPath.ts";
import { type EngineProgram, goVersion, pulumiVersion } from "./pins.ts";
import { atLeast, parseVersion } from "./version.ts";

/** What go build may take at most, in seconds: minutes on two cores, more on a busy machine. */
const limit = 45 * 60;

/** Go's own default place, for shells whose PATH does not know it. */
const usualPlace = "/usr/local/go/bin";

/**
 * Builds one program of the engine from its Go module into `file`. The sums of every module are committed beside the
 * go.mod, so what is built is what was tried, from whatever module proxy it comes.
 */
export async function buildFromGo(
    program: EngineProgram,
    file: string,
    options: { readonly root: string; readonly env: NodeJS.ProcessEnv; readonly say: (line: string) => void },
): Promise<void> {
    const { root, env, say } = options;
    const go = await usableGo(env);
    say(program.about);
    const unfinished = `${file}.${process.pid}`;
    const flags = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${pulumiVersion}`;
    const args = ["build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", unfinished, program.package];
    try {
        const { problem, stderr } = await runCaptured(go.command, args, {
            cwd: join(root, "toolchain", "go", program.folder),
            env: { ...env, ...ownCaches(root, env), ...go.env },
            seconds: limit,
        });
        if (problem !== undefined) {
            const words = stderr.trimEnd().split("\n").slice(-12).join("\n");
            throw new UserError(`go build of ${program.package} ${problem}:\n${words}`, [
                "This step needs a Go module proxy, about 4 GB of memory and 4 GB of disk, once.",
                `Or install Pulumi ${pulumiVersion} or later, with its Node.js language host, on PATH; then nothing is built.`,
            ]);
        }
        await rename(unfinished, file);
    } finally {
        await rm(unfinished, { force: true });
    }
}

/** Go keeps modules and what it compiled below HOME. Accounts without a home get a place in .local for it. */
function ownCaches(root: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    try {
        accessSync(env.HOME ?? "", constants.W_OK);
        return {};
    } catch {
        const folder = join(root, ".local", "go");
        return { GOPATH: env.GOPATH ?? folder, GOCACHE: env.GOCACHE ?? join(folder, "cache") };
    }
}

async function usableGo(env: NodeJS.ProcessEnv): Promise<{ command: string; env: NodeJS.ProcessEnv }> {
    const install = [
        `Install Go ${goVersion} or later (https://go.dev/doc/install),`,
        `or install Pulumi ${pulumiVersion} or later (https://www.pulumi.com/docs/install/); then run this again.`,
    ];
    const command = firstOnPath("go", `${env.PATH ?? ""}:${usualPlace}`);
    if (command === undefined) {
        throw new UserError(
            "Pulumi is neither installed nor to be downloaded from here, and there is no Go to build it.",
            [...install],
        );
    }
    const { stdout, problem } = await runCaptured(command, ["env", "GOVERSION"], { env, seconds: 60 });
    const version = parseVersion(stdout);
    if (problem !== undefined || version === undefined || !atLeast(version, "1.21.0")) {
        throw new UserError(`${command} cannot build Pulumi: it is ${stdout.trim() || problem}.`, install);
    }
    return {
        command,
        // No C compiler is needed, and the same program comes out whether there is one or not. An older Go fetches the
        // one that go.mod names, unless the user's environment says otherwise.
        env: {
            CGO_ENABLED: "0",
            GOWORK: "off",
            ...(atLeast(version, goVersion) ? {} : { GOTOOLCHAIN: env.GOTOOLCHAIN ?? "auto" }),
        },
    };
}
