import { join } from "node:path";
import { root, runNode, runnerMain } from "../support/node.ts";

const programs = { runner: runnerMain, connection: join(root, "bench", "runner", "connect.ts") } as const;

/** Said by the program itself at its end: the system keeps the peak for it (getrusage(2), in KiB). */
const tell = `data:text/javascript,${encodeURIComponent(
    'process.on("exit", () => process.stderr.write("\\npeak " + process.resourceUsage().maxRSS + " KiB\\n"))',
)}`;

/** Runs it to its end. @returns the most memory that it had at any time, resident, in MiB */
export async function peakMemory(
    program: keyof typeof programs,
    args: readonly string[],
    options: Parameters<typeof runNode>[1],
): Promise<number> {
    const { stderr } = await runNode(["--import", tell, programs[program], ...args], options);
    const kib = /^peak (\d+) KiB$/m.exec(stderr)?.[1];
    if (kib === undefined) throw new Error(`${program} did not say how much memory it had:\n${stderr}`);
    return Number(kib) / 1024;
}
