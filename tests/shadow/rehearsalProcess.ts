import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chmod, cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { processArguments, processFolder } from "../../local/processIdentity.ts";
import type { SqlProject, Trio } from "../support/sqlProject.ts";
import { until } from "../support/until.ts";
import { shadowLimit, shadowsOf } from "./ground.ts";

const root = dirname(dirname(import.meta.dirname));

export interface ProcessOptions {
    /** The code that rehearses; default: this checkout. */
    readonly checkout?: string;
    /** A program, with arguments, that runs it. */
    readonly within?: readonly string[];
    /** JavaScript that runs before the rehearsal. */
    readonly before?: string;
}

/** A copy of the code that rehearses, whose shadows are its own. The caller removes it. */
export async function checkoutCopy() {
    const folder = await mkdtemp(join(tmpdir(), "simulation-db-checkout-"));
    // The account that runs PostgreSQL passes through.
    await chmod(folder, 0o711);
    for (const part of ["package.json", "preview", "runner", "local"]) {
        await cp(join(root, part), join(folder, part), { recursive: true });
    }
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A rehearsal in a process of its own, which can be killed. */
export async function startRehearsal(
    project: SqlProject,
    migrations: Readonly<Record<string, Trio>>,
    { checkout = root, within = [], before = "" }: ProcessOptions = {},
) {
    await project.write(migrations);
    const program = `
        import { readMigrations } from ${JSON.stringify(join(checkout, "runner/migration/migrationFolder.ts"))};
        import { rehearse } from ${JSON.stringify(join(checkout, "preview/trial/rehearsal.ts"))};
        const pending = await readMigrations("sql");
        ${before}
        const tookPhase = phase => console.log("done:", phase);
        const options = { environment: process.env, pending, toRollBack: [], cacheFolder: "cache", say: console.log, tookPhase };
        console.log((await rehearse(options)).proof.words);`;
    const [command, ...args] = [...within, process.execPath, "--input-type=module", "--eval", program];
    const child = spawn(command, args, {
        cwd: project.folder,
        env: { PATH: process.env.PATH, ...project.environment },
        stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
    });
    let known: string[] = [];
    return {
        child,
        printed: () => printed,
        /** What it printed, once it is at its end. */
        async end() {
            await until("it is at its end", () => child.exitCode !== null, shadowLimit);
            return printed;
        },
        living: () => child.exitCode === null && child.signalCode === null,
        async folders() {
            const now = await shadowsOf(child.pid ?? 0);
            if (now.length > 0) known = now;
            return now;
        },
        /** Its folders where Linux keeps files in memory. */
        inMemory: () =>
            (existsSync("/dev/shm") ? readdirSync("/dev/shm") : []).filter(name =>
                known.some(folder => name.includes(folder)),
            ),
        /** Those that work on its folder. */
        processes: () =>
            readdirSync("/proc")
                .map(Number)
                .filter(pid => Number.isInteger(pid) && pid !== process.pid)
                .filter(pid =>
                    [processFolder(pid) ?? "", ...processArguments(pid)].some(word =>
                        known.some(name => word.includes(name)),
                    ),
                ),
    };
}
