import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../runner/userError.ts";

const root = join(import.meta.dirname, "../..");

/** Options whose value is a text to look for, which may be the name of a folder. */
const searches = ["--grep", "-g", "--fgrep", "-f"];

/** Is one of these options given, with or without `=`? */
export function names(given: readonly string[], ...options: string[]): boolean {
    return given.some(argument => options.includes(argument.split("=")[0] ?? ""));
}

/**
 * Our defaults, except where the user's arguments say otherwise.
 *
 * @throws UserError for a path that is not there: mocha would warn of it, and run whatever else is named, or all tests
 */
export function mochaArguments(given: readonly string[], totals: string): string[] {
    const has = (...options: string[]) => names(given, ...options);
    const mayBePath = (argument: string, at: number) =>
        !argument.startsWith("-") && !searches.includes(given[at - 1] ?? "");
    const missing = given.find(
        (argument, at) => mayBePath(argument, at) && /^tests\/[^*]*$/.test(argument) && !existsSync(argument),
    );
    if (missing !== undefined) throw new UserError(`there is no ${missing}.`, ["see what there is: ls tests"]);
    const isPath = (argument: string, at: number) => mayBePath(argument, at) && existsSync(argument);
    const isFolder = (argument: string, at: number) => isPath(argument, at) && statSync(argument).isDirectory();
    return [
        join(root, "node_modules", "mocha", "bin", "mocha.js"),
        ...(has("--reporter", "-R")
            ? []
            : ["--reporter", join(root, "tests", "support", "reporter.ts"), "--reporter-option", `totals=${totals}`]),
        ...(has("--timeout", "-t") ? [] : ["--timeout", "120000"]),
        ...(has("--parallel", "-p", "--no-parallel") ? [] : ["--parallel"]),
        ...(has("--jobs", "-j", "--no-parallel") ? [] : ["--jobs", "2"]),
        ...given.map((argument, at) => (isFolder(argument, at) ? join(argument, "**", "*.test.ts") : argument)),
        ...(given.some(isPath) ? [] : ["tests/**/*.test.ts"]),
    ];
}
