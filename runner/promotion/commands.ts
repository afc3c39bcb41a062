import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { connected } from "../database/connection.ts";
import { stackOf } from "../database/settings.ts";
import { readMigrations } from "../migration/migrationFolder.ts";
import { print } from "../output.ts";
import { UserError } from "../userError.ts";
import { notPromoted } from "./promoted.ts";
import { makeRecord, readRecord, recordFile } from "./record.ts";

const environment = process.env;

export interface MakeOptions {
    readonly out?: string;
}

export interface CheckOptions {
    /** The stack whose record it is, without the project's name. */
    readonly from: string;
    readonly record?: string;
    /** Public, in base64. */
    readonly key: string;
}

/** `promotion make`: a plain read, without the lock. The file is there whole, or not at all. */
export async function promotionMake({ out }: MakeOptions): Promise<void> {
    const stack = stackOf(environment);
    const file = out ?? recordFile(stack);
    await connected(environment, "promotion", async client => {
        const record = await makeRecord(client, stack, environment.SIMULATION_DB_PROMOTION_KEY);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(`${file}.part`, `${JSON.stringify(record, null, 4)}\n`);
        await rename(`${file}.part`, file);
        const signed = record.signature === undefined ? "not signed" : "signed";
        print(`${file}: ${record.migrations.length} migrations have run in ${stack} (${signed})`);
    });
}

/** `promotion check`: the sql folder against a record, without a database. */
export async function promotionCheck({ from, record: file, key }: CheckOptions): Promise<void> {
    const stack = `simulation-db/${from}`;
    const record = await readRecord(file ?? recordFile(stack), stack, key);
    const faults = notPromoted(await readMigrations("sql"), record);
    if (faults.length === 0) return print(`all migrations have run in ${from}`);
    throw new UserError(`not all migrations have run in ${from}:\n${faults.map(fault => `  ${fault}`).join("\n")}`, [
        `run them there first: npm run up -- -s ${from}, then npm run promotion -- -s ${from}`,
    ]);
}
