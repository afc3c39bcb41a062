import { enableCompileCache } from "node:module";
import { join } from "node:path";

// As in runner/main.ts: what is imported from here on is compiled once per machine.
enableCompileCache(process.env.NODE_COMPILE_CACHE ?? join(import.meta.dirname, "../.local/node-cache"));

const { asProgram } = await import("../runner/asProgram.ts");
await asProgram(async () => {
    const { commandLine } = await import("./commandLine.ts");
    await commandLine.parseAsync();
});
