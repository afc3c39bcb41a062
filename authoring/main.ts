import { enableCompileCache } from "node:module";
import { join } from "node:path";

// As in runner/main.ts: what is imported from here on is compiled once per machine.
enableCompileCache(process.env.NODE_COMPILE_CACHE ?? join(import.meta.dirname, "../.local/node-cache"));

try {
    const { commandLine } = await import("./commandLine.ts");
    await commandLine.parseAsync();
} catch (error) {
    const { inWords } = await import("../runner/database/sqlError.ts");
    const { explain } = await import("../runner/userError.ts");
    process.stderr.write(`${explain(inWords(error))}\n`);
    process.exitCode = 1;
}
