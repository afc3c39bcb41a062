// The runner as a library: everything imported, nothing connected. Prints the milliseconds of `migrate up`.

const { migrateUp } = await import("../../../runner/steps/commands.ts");
const { loadParser } = await import("../../../runner/migration/statements.ts");
await loadParser();

process.stdout.write = () => true;
const started = performance.now();
await migrateUp({});
process.stderr.write(`took ${performance.now() - started}\n`);
