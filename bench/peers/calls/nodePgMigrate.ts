import { join } from "node:path";
import { npmModules } from "../install.ts";

// node-pg-migrate as a library: everything imported, nothing connected. Prints the milliseconds of applying all.

/** Not one of our packages, so the compiler does not know it. */
interface Library {
    readonly runner: (options: Readonly<Record<string, unknown>>) => Promise<unknown>;
}

const { runner } = (await import(join(npmModules, "node-pg-migrate", "dist", "bundle", "index.js"))) as Library;

const started = performance.now();
await runner({
    databaseUrl: process.env.DATABASE_URL,
    dir: process.cwd(),
    direction: "up",
    migrationsTable: "pgmigrations",
    log: () => {},
});
process.stderr.write(`took ${performance.now() - started}\n`);
