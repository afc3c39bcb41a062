import { UserError } from "../../runner/userError.ts";
import type { Benchmark } from "./benchmark.ts";
import { readMachine } from "./machine.ts";
import { regressions } from "./regression.ts";
import { exitCode, markdown, type Report, report } from "./report.ts";
import { readStored, resultsFolder, store, type Stored } from "./stored.ts";

/** What the command line says. */
export interface RunOptions {
    readonly json?: boolean;
    readonly strict?: boolean;
    readonly quick?: boolean;
    readonly save?: boolean;
    readonly againstBaseline?: boolean;
}

/** Where a run reads and writes. */
export interface RunPlaces {
    /** What was asked for. */
    readonly print: (text: string) => void;
    /** Progress, for people. */
    readonly say: (line: string) => void;
    /** Where reports are kept; default: in the repository. */
    readonly results?: string;
}

/** A benchmark and the name of its file. */
export type Named = Benchmark & { readonly name: string };

/**
 * Runs benchmarks one after the other.
 *
 * @returns the exit code: 1 when an aim is missed or a peer left out and `strict` is given, or when a ratio got worse than the stored one
 *     and `againstBaseline` is given
 * @throws UserError before anything is measured, when there is no stored result to compare with
 */
export async function run(benchmarks: readonly Named[], options: RunOptions, places: RunPlaces): Promise<number> {
    const { json = false, strict = false, quick = false, save = false, againstBaseline = false } = options;
    const { print, say, results = resultsFolder } = places;
    const baselines = againstBaseline ? await readBaselines(benchmarks, quick, results) : new Map<string, Stored>();
    for (const { name, about, minutes } of benchmarks) {
        say(`${name}: ${about} About ${quick ? minutes.quick : minutes.full} min.`);
    }
    const reports: Report[] = [];
    let worse = 0;
    for (const { name, measure } of benchmarks) {
        const machine = readMachine();
        const found = report(name, await measure({ quick, say: line => say(`${name}: ${line}`) }), machine);
        reports.push(found);
        // One object per benchmark and line, so that what is done is there when a later one fails.
        print(json ? `${JSON.stringify(found)}\n` : `${markdown(found)}\n`);
        const baseline = baselines.get(name);
        if (baseline) worse += compare(baseline, found, line => say(`${name}: ${line}`));
        const { leftOut = [] } = found;
        if (save && leftOut.length > 0) say(`${name}: not kept, without ${leftOut.join(" and ")}`);
        else if (save) {
            const taken = new Date().toISOString().slice(0, 10);
            say(`${name}: kept as ${await store({ taken, quick, report: found }, results)}`);
        }
    }
    return worse > 0 ? 1 : exitCode(reports, { strict });
}

async function readBaselines(benchmarks: readonly Named[], quick: boolean, folder: string) {
    const baselines = new Map<string, Stored>();
    for (const { name } of benchmarks) {
        const stored = await readStored(name, folder);
        if (!stored) {
            throw new UserError(`there is no stored result of ${name} to compare with.`, [
                `Make one where nothing has got slower yet: npm run bench -- ${name} --save`,
            ]);
        }
        if (stored.quick !== quick) {
            throw new UserError(
                `the stored result of ${name} is ${scale(stored.quick)}, this run ${scale(quick)}: their ratios do not compare.`,
                [quick ? "Leave out --quick." : "Add --quick, or store a whole run with --save."],
            );
        }
        baselines.set(name, stored);
    }
    return baselines;
}

function scale(quick: boolean): string {
    return quick ? "a rough look (--quick)" : "a whole run";
}

/** Says what got worse. @returns how many did */
function compare({ taken, report: then }: Stored, now: Report, say: (line: string) => void): number {
    const found = regressions(then, now);
    for (const { case: name, text } of found) say(`worse: ${name}: ${text}`);
    const compared = then.rows.filter(({ ratio }) => ratio !== null).length;
    say(`${found.length} of ${compared} ratios got worse since ${taken}.`);
    return found.length;
}
