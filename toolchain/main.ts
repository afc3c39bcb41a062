import { explain } from "../runner/userError.ts";
import { commandLine } from "./commandLine.ts";

try {
    await commandLine.parseAsync();
} catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
}
