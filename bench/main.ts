import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { processIdentity } from "../local/processIdentity.ts";
import { explain } from "../runner/userError.ts";
import { benchmarkNames, loadBenchmark } from "./support/discover.ts";
import { writePerformancePage } from "./support/performancePage.ts";
import { run, type RunOptions } from "./support/run.ts";

// `npm run bench`: all benchmarks, one after the other; `npm run bench -- NAME`: one of them.

const commandLine = new Command("bench")
    .description("Measures what this project promises about speed, side by side with floors and peers.")
    .argument("[names...]", `benchmarks to run: ${(await benchmarkNames()).join(", ")}; default: all`)
    .option("--json", "print one JSON object per benchmark instead of a Markdown table")
    .option("--strict", "end with 1 when an aim does not hold, or a peer cannot be had")
    .option("--quick", "a rough look in a tenth of the time")
    .option("--save", "keep the result in bench/results, for docs/performance.md and as a baseline")
    .option("--against-baseline", "end with 1 when a ratio is clearly worse than in the kept result")
    .option("--write-docs", "measure nothing; write docs/performance.md from the kept results")
    .showHelpAfterError()
    .action(async (given: string[], options: RunOptions & { writeDocs?: boolean }) => {
        if (options.writeDocs) return await writePerformancePage();
        const names = given.length > 0 ? given : await benchmarkNames();
        const benchmarks = await Promise.all(names.map(async name => ({ name, ...(await loadBenchmark(name)) })));
        process.exitCode = await run(benchmarks, options, {
            print: text => process.stdout.write(text),
            say: line => process.stderr.write(`bench: ${line}\n`),
        });
    });

// What is made for a while is made in here, and goes with us, also when a signal ends us: servers end with our exit.
// After a SIGKILL the next test or benchmark takes it away (tests/support/cluster.ts), and a server without its files ends.
const temporary = mkdtempSync(join(tmpdir(), "simulation-db-test-bench-"));
writeFileSync(join(temporary, "owner"), `${process.pid} ${processIdentity(process.pid)}`);
// The account that runs a server passes through.
chmodSync(temporary, 0o711);
process.env.TMPDIR = temporary;
const clear = () => rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
        process.once("exit", clear);
        process.exit(128 + constants.signals[signal]);
    });
}

try {
    await commandLine.parseAsync();
} catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
} finally {
    clear();
}
