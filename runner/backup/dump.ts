import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Environment } from "../database/connection.ts";
import { UserError } from "../userError.ts";
import type { TableSize } from "./content.ts";
import type { BackupFile } from "./manifest.ts";
import { runProgram } from "./program.ts";
import type { PostgresTools } from "./tools.ts";

/** What is dumped, and with what. */
export interface DumpSource {
    readonly tools: PostgresTools;
    /** Of the connection. */
    readonly variables: Environment;
    /** An exported snapshot, whose transaction is open. */
    readonly snapshot: string;
    /** How long to wait for the lock of a table. */
    readonly lockWaitMs: number;
}

/**
 * Runs pg_dump, in its custom format, into a file that nobody else may read. It comes through a pipe: so it is hashed on
 * the way, and a pg_dump whose runner was killed ends as well.
 *
 * @param args what of the database
 * @throws UserError with pg_dump's words
 */
export async function dump(file: string, args: readonly string[], source: DumpSource): Promise<BackupFile> {
    const { tools, variables, snapshot, lockWaitMs } = source;
    const hash = createHash("sha256");
    let bytes = 0;
    const write = async (stdout: Readable) => {
        await pipeline(
            stdout,
            async function* (chunks: AsyncIterable<Buffer>) {
                for await (const chunk of chunks) {
                    hash.update(chunk);
                    bytes += chunk.length;
                    yield chunk;
                }
            },
            createWriteStream(file, { flags: "wx", mode: 0o600, flush: true }),
        );
    };
    const { exit, output } = await runProgram(
        tools.pgDump,
        ["--format=custom", "--no-password", `--lock-wait-timeout=${lockWaitMs}`, `--snapshot=${snapshot}`, ...args],
        variables,
        write,
    );
    if (exit !== 0) {
        throw new UserError(`pg_dump failed: ${output.trim() || `exit code ${exit}`}`, [
            "see to what it says, then run the same command again; a table that this login may not read: grant it select",
        ]);
    }
    return { name: basename(file), bytes, sha256: hash.digest("hex") };
}

/**
 * Has pg_restore read the dump's list.
 *
 * @param tables whose rows must be in it
 * @throws UserError when it cannot be read, or lacks one
 */
export async function requireListed(
    file: string,
    tables: readonly TableSize[],
    { tools, variables }: DumpSource,
): Promise<void> {
    const { exit, output } = await runProgram(tools.pgRestore, ["--list", file], variables);
    if (exit !== 0) throw new UserError(`the dump cannot be read back: ${output.trim()}`, notGood);
    const missing = tables.filter(({ table }) => !output.includes(` TABLE DATA ${unquoted(table)} `));
    if (missing.length === 0) return;
    throw new UserError(`the dump lacks the rows of ${missing.map(({ table }) => table).join(", ")}.`, notGood);
}

const notGood = ["it was removed again: check the disk, then run the same command again"];

/** As pg_restore lists it: schema and name apart, without quotes. */
function unquoted(table: string): string {
    const parts = table.match(/"(?:[^"]|"")+"|[^".]+/g) ?? [];
    return parts.map(part => part.replace(/^"([\s\S]*)"$/, "$1").replaceAll('""', '"')).join(" ");
}
