import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMigrations } from "../../runner/migration/migrationFolder.ts";
import { pgrollPeer } from "../peers/install.ts";
import type { Environment } from "../support/copies.ts";
import { databaseUrl } from "../support/database.ts";
import { root, runProgram } from "../support/node.ts";

/** The plan in pgroll's own operations, by the number of our migration, where it has some for it. */
const operations = join(import.meta.dirname, "pgroll");

/** As the runner's default, in milliseconds; pgroll tries again by itself. */
const lockTimeoutMs = 300;

/**
 * Runs the plan with pgroll: columns, their checks and the indexes by its operations, the rest as this project's SQL.
 *
 * @param superuser pgroll makes an event trigger, which only a superuser may
 */
export async function runPgroll(superuser: Environment): Promise<[]> {
    const program = await pgrollPeer();
    const folder = await mkdtemp(join(tmpdir(), "simulation-db-pgroll-"));
    const pgroll = (...args: string[]) =>
        runProgram(program, ["--lock-timeout", String(lockTimeoutMs), ...args], {
            cwd: folder,
            env: { PGROLL_PG_URL: databaseUrl(superuser) },
        });
    try {
        const last = await layOut(folder);
        await pgroll("init");
        await pgroll("baseline", "0000_found", folder, "--yes");
        await pgroll("migrate", folder, "--complete");
        // It ends well where it finds that it may not begin.
        const { stdout } = await pgroll("status");
        if (!stdout.includes(last)) throw new Error(`pgroll did not apply ${last}:\n${stdout}`);
        return [];
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
}

/** @returns the name of the last migration */
async function layOut(folder: string): Promise<string> {
    const own = new Map((await readdir(operations)).map(file => [file.replace(/\.yaml$/, ""), join(operations, file)]));
    let last = "";
    for (const migration of await readMigrations(join(root, "sql"))) {
        last = `${migration.version}_${migration.slug}`;
        const file = own.get(migration.version);
        if (file) await copyFile(file, join(folder, `${last}.yaml`));
        else
            await writeFile(
                join(folder, `${last}.json`),
                JSON.stringify({ operations: [{ sql: { up: migration.up } }] }),
            );
    }
    return last;
}
