import type pg from "pg";
import { rolledBack, Skipped } from "./check/attempts.ts";
import { requireAnonRefused, tryDataset, tryFiles, tryMember, tryRun, tryServices } from "./check/database.ts";
import { requireBucket, tryRows, tryUploads } from "./check/storage.ts";
import { compareChain } from "./ledger/chain.ts";
import type { Environment } from "./database/connection.ts";
import { readLedger } from "./ledger/ledger.ts";
import { fileName, label, type Migration } from "./migration/migration.ts";
import { readSettings } from "./database/settings.ts";
import { moreTimeForCheck, runFile } from "./database/sqlError.ts";
import { explain, UserError } from "./userError.ts";

/**
 * Tries what an application will do, through SQL and through supabase-js: what must work works, and what must not is
 * refused. Everything in the database happens in transactions that are rolled back; files and users that are made
 * through the API are removed.
 *
 * @param say one line per check
 * @throws UserError with the number of checks that failed; one that could not be tried is no failure
 */
export async function checkStack(
    client: pg.Client,
    migrations: readonly Migration[],
    environment: Environment,
    say: (line: string) => void,
): Promise<void> {
    const checks: [string, () => Promise<void>][] = [
        ["all migrations are applied", () => requireAllApplied(client, migrations)],
        ["every verify.sql passes", () => runVerifies(client, migrations, environment)],
        ["anon reaches no table, and nothing that is made later", () => requireAnonRefused(client)],
        ["a user keeps a dataset that no other user sees", () => tryDataset(client)],
        ["a user starts and finishes runs that no other user sees", () => tryRun(client)],
        ["an active member reaches the organization's runs, a former one does not", () => tryMember(client)],
        ["the applications' roles do their job and no more", () => tryServices(client)],
        ["a user's folder in the bucket is the user's alone", () => tryFiles(client)],
        ["the bucket is private and has the limit of the table", () => requireBucket(client, environment)],
        ["supabase-js: users upload, download and remove their own files only", () => tryUploads(client, environment)],
        ["supabase-js: users read and write their own datasets only", () => tryRows(client, environment)],
    ];
    const failed: unknown[] = [];
    for (const [promise, check] of checks) {
        try {
            await rolledBack(client, check);
            say(`ok      ${promise}`);
        } catch (error) {
            const isSkipped = error instanceof Skipped;
            if (!isSkipped) failed.push(error);
            const said = error instanceof UserError ? explain(error) : (error as Error).message;
            say(`${isSkipped ? "skipped" : "FAILED "} ${promise}: ${said.replaceAll("\n", "\n      ")}`);
        }
    }
    if (failed.length === 0) return;
    // Those that say themselves what to do have no need of it.
    const isOpen = failed.some(error => !(error instanceof UserError) || error.next.length === 0);
    throw new UserError(
        `${failed.length} of ${checks.length} checks failed.`,
        isOpen ? ["where somebody changed the schema by hand, npm run preview shows it"] : [],
    );
}

async function requireAllApplied(client: pg.Client, migrations: readonly Migration[]): Promise<void> {
    const { pending, removed } = compareChain(migrations, await readLedger(client));
    if (pending.length === 0 && removed.length === 0) return;
    throw new UserError(
        `${pending.length} are pending (${pending.map(label).join(", ")}), ${removed.length} to roll back`,
        ["npm run up, after npm run preview"],
    );
}

async function runVerifies(
    client: pg.Client,
    migrations: readonly Migration[],
    environment: Environment,
): Promise<void> {
    // The stack's and not the login's, nor an applied up.sql's: this one can be made longer.
    const { statementTimeoutMs } = readSettings(environment);
    await client.query(`set transaction read only; set local statement_timeout = ${statementTimeoutMs}`);
    const found = new Map((await readLedger(client)).map(row => [row.version, row.found]));
    for (const migration of migrations) {
        await client.query("select set_config('simulation_db.found', $1, true)", [found.get(migration.version) ?? ""]);
        await runFile(client, migration.verify, fileName(migration, "verify"), moreTimeForCheck);
    }
}
