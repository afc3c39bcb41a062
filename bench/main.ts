import { Command } from "commander";
import { explain } from "../runner/userError.ts";
import { benchmarkNames, loadBenchmark } from "./support/discover.ts";
import { readMachine } from "./support/machine.ts";
import { exitCode, markdown, type Report, report } from "./support/report.ts";

// `npm run bench`: all benchmarks, one after the other; `npm run bench -- NAME`: one of them.

interface Options {
    readonly json?: boolean;
    readonly strict?: boolean;
    readonly quick?: boolean;
}

const say = (line: string) => process.stderr.write(`bench: ${line}\n`);

async function runAll(given: readonly string[], { json, strict = false, quick = false }: Options): Promise<number> {
    const names = given.length > 0 ? given : await benchmarkNames();
    const benchmarks = await Promise.all(names.map(async name => ({ name, ...(await loadBenchmark(name)) })));
    for (const { name, about, minutes } of benchmarks) {
        say(`${name}: ${about} About ${quick ? minutes.quick : minutes.full} min.`);
    }
    const reports: Report[] = [];
    for (const { name, measure } of benchmarks) {
        const machine = readMachine();
        const found = report(name, await measure({ quick, say: line => say(`${name}: ${line}`) }), machine);
        reports.push(found);
        // One object per benchmark and line, so that what is done is there when a later one fails.
        process.stdout.write(json ? `${JSON.stringify(found)}\n` : `${markdown(found)}\n`);
    }
    return exitCode(reports, { strict });
}

const commandLine = new Command("bench")
    .description("Measures what this project promises about speed, side by side with floors and peers.")
    .argument("[names...]", `benchmarks to run: ${(await benchmarkNames()).join(", ")}; default: all`)
    .option("--json", "print one JSON object per benchmark instead of a Markdown table")
    .option("--strict", "end with 1 when an aim does not hold")
    .option("--quick", "a rough look in a tenth of the time")
    .showHelpAfterError()
    .action(async (names: string[], options: Options) => {
        process.exitCode = await runAll(names, options);
    });

try {
    await commandLine.parseAsync();
} catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
}
