import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { readDirectives } from "../../runner/migration/directives.ts";
import { fileName, type Migration } from "../../runner/migration/migration.ts";
import { readMigrations } from "../../runner/migration/migrationFolder.ts";
import { splitStatements } from "../../runner/migration/statements.ts";
import { npmBinary } from "../peers/install.ts";
import { writeFiles } from "../peers/write.ts";
import type { Environment } from "../support/copies.ts";
import { databaseUrl } from "../support/database.ts";
import { root, runProgram } from "../support/node.ts";

/** As the runner's default, in milliseconds. */
const lockTimeoutMs = 300;

/** Between two attempts, in milliseconds, and how many there are: dbmate itself does not try again. */
const pauseMs = 1000;
const attempts = 60;

/**
 * Runs this project's own SQL, which is safe, with dbmate: a lock timeout for the session, and dbmate started again
 * about each second while it fails, as a careful person's script would.
 */
export async function runDbmate(environment: Environment): Promise<[]> {
    const folder = await mkdtemp(join(tmpdir(), "simulation-db-dbmate-"));
    try {
        await layOut(folder);
        const program = await npmBinary("dbmate", "@dbmate/", "bin/dbmate");
        const url = `${databaseUrl(environment)}&lock_timeout=${lockTimeoutMs}`;
        const args = ["--url", url, "--migrations-dir", folder, "--no-dump-schema", "migrate"];
        for (let attempt = 1; ; attempt += 1) {
            try {
                await runProgram(program, args, { cwd: folder, env: {} });
                return [];
            } catch (error) {
                const waited = /lock timeout/.test(error instanceof Error ? error.message : "");
                if (!waited || attempt === attempts) throw error;
                await setTimeout(pauseMs);
            }
        }
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
}

async function layOut(folder: string): Promise<void> {
    const parts = await Promise.all((await readMigrations(join(root, "sql"))).map(stepsOf));
    await writeFiles(folder, parts.flat(), ({ version, slug, up }) => ({ [`${version}_${slug}.sql`]: up }));
}

/** What dbmate sends at once is one transaction, so what must not be in one gets a file per statement. */
async function stepsOf(migration: Migration): Promise<Pick<Migration, "version" | "slug" | "up">[]> {
    const file = fileName(migration, "up");
    const step = (number: number, text: string, head: string) => ({
        version: `${migration.version}${String(number).padStart(2, "0")}`,
        slug: migration.slug,
        up: `-- migrate:up${head}\n${text}\n-- migrate:down\n`,
    });
    if (readDirectives(migration.up, file).transactional) return [step(0, migration.up, "")];
    const statements = (await splitStatements(migration.up, file)).map(({ text }) => text);
    // An index that is made concurrently waits for readers and lets nobody wait behind it.
    const all = ["set lock_timeout = 0", ...statements, `set lock_timeout = ${lockTimeoutMs}`];
    return all.map((text, number) => step(number, `${text};`, " transaction:false"));
}
