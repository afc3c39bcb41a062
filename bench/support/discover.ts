import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../runner/userError.ts";
import type { Benchmark } from "./benchmark.ts";

const folder = join(import.meta.dirname, "..");

/** The names of all benchmarks: the files beside main.ts. */
export async function benchmarkNames(): Promise<string[]> {
    const names = await readdir(folder);
    return names
        .filter(name => name.endsWith(".ts") && name !== "main.ts")
        .map(name => name.slice(0, -".ts".length))
        .sort();
}

/** @throws UserError for a name that no benchmark has; it lists those that there are */
export async function loadBenchmark(name: string): Promise<Benchmark> {
    const names = await benchmarkNames();
    if (!names.includes(name)) {
        throw new UserError(`there is no benchmark ${JSON.stringify(name)}: expected one of ${names.join(", ")}.`);
    }
    const { benchmark } = (await import(join(folder, `${name}.ts`))) as { benchmark: Benchmark };
    return benchmark;
}
