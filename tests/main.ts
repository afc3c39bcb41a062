import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { explain } from "../runner/userError.ts";
import { runForeground } from "../toolchain/child.ts";
import { pathWith } from "../toolchain/commandPath.ts";
import { localPulumiHome } from "../toolchain/environment.ts";
import { ensurePlugins } from "../toolchain/plugins.ts";
import { ensurePulumi } from "../toolchain/pulumiCli.ts";
import { mochaArguments, names } from "./support/mochaArguments.ts";
import type { Totals } from "./support/reporter.ts";

// `npm test`: all tests; `npm test -- --grep TEXT` or `npm test -- tests/FOLDER`: some of them.
// Whatever mocha understands may follow.

const root = dirname(import.meta.dirname);
const say = (line: string) => process.stderr.write(`toolchain: ${line}\n`);

/** The shell's own connection, login and stack have no say in a test. */
function neutral(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const kept = Object.entries(env).filter(
        ([name]) => name === "SIMULATION_DB_OFFLINE" || !/^(PG[A-Z]|PULUMI_|SUPABASE_|SIMULATION_DB_)/.test(name),
    );
    return { ...Object.fromEntries(kept), PULUMI_SKIP_UPDATE_CHECK: "1" };
}

/** The engine and its plugins, as `npm start` would have them, on PATH. */
async function withToolchain(env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
    const cli = await ensurePulumi({ root, env, say });
    await ensurePlugins({ root, env, say, cli, pulumiHome: localPulumiHome(root), standIns: true });
    return { ...env, PATH: pathWith([dirname(process.execPath), ...cli.folders], env.PATH ?? "") };
}

function readTotals(file: string): Totals | undefined {
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Totals) : undefined;
}

async function main(given: readonly string[]): Promise<number> {
    const env = await withToolchain(neutral(process.env));
    const folder = mkdtempSync(join(tmpdir(), "simulation-db-test-"));
    try {
        const file = join(folder, "totals.json");
        const code = await runForeground(process.execPath, mochaArguments(given, file), { cwd: root, env });
        const totals = readTotals(file);
        if (totals === undefined) {
            // Whoever asks for another reporter gets that one's words.
            if (names(given, "--reporter", "-R")) return code;
            process.stderr.write(`No totals: mocha ended with ${code} before its tests did.\n`);
            return code || 1;
        }
        const { passed, failed, skipped } = totals;
        if (passed + failed === 0) process.stderr.write("No test was executed.\n");
        console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
        return code || (failed > 0 || passed === 0 ? 1 : 0);
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

try {
    process.exitCode = await main(process.argv.slice(2));
} catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
}
