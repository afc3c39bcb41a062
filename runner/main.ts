import { enableCompileCache } from "node:module";
import { join } from "node:path";

// First of all: what is imported from here on is compiled once per machine, not once per run. In a folder of our own,
// as another user could put code into one below the temporary folder.
enableCompileCache(process.env.NODE_COMPILE_CACHE ?? join(import.meta.dirname, "../.local/node-cache"));

/**
 * What the stack runs for its migrations, word for word, without the parser of command lines; which does not know the
 * last two, as there is nothing for a person in them that `migrate up` and `down` have not.
 */
const steps = new Map<string, () => Promise<void>>([
    ["migrate up --stdin", async () => (await import("./steps/commands.ts")).migrateUp({ stdin: true })],
    ["migrate down --stdin", async () => (await import("./steps/commands.ts")).migrateDown({ stdin: true })],
    [
        "migrate record --stdin",
        async () => (await import("./steps/commands.ts")).migrateRecord(undefined, { stdin: true }),
    ],
    ["squash up --stdin", async () => (await import("./steps/commands.ts")).squashUp()],
    ["squash down --stdin", async () => (await import("./steps/commands.ts")).squashDown()],
]);

async function askedByPerson(): Promise<void> {
    const { commandLine } = await import("./commandLine.ts");
    await commandLine.parseAsync();
}

const { asProgram } = await import("./asProgram.ts");
await asProgram(steps.get(process.argv.slice(2).join(" ")) ?? askedByPerson);
