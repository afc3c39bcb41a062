import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Noted by each Node itself at its end, in the file that `BENCH_PEAKS` names: the system keeps the peak for it
 * (getrusage(2), in KiB).
 */
const note = `data:text/javascript,${encodeURIComponent(
    'import { appendFileSync } from "node:fs"; process.on("exit", () => appendFileSync(process.env.BENCH_PEAKS, process.resourceUsage().maxRSS + "\\n"))',
)}`;

/**
 * Runs something to its end, with these variables, of which the largest Node that it starts is looked at.
 *
 * @returns the most memory that it had at any time, resident, in MiB
 */
export async function peakMemory(
    run: (environment: Readonly<Record<string, string>>) => Promise<unknown>,
): Promise<number> {
    const folder = await mkdtemp(join(tmpdir(), "simulation-db-peak-"));
    try {
        const file = join(folder, "peaks");
        await run({ NODE_OPTIONS: `--import=${note}`, BENCH_PEAKS: file });
        return Math.max(...(await readFile(file, "utf8")).trim().split("\n").map(Number)) / 1024;
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
}
