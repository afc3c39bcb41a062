import type pg from "pg";
import { type Chain, compareChain } from "../runner/ledger/chain.ts";
import { connect, type Environment, isLoopback } from "../runner/database/connection.ts";
import { type DatabaseIdentity, readIdentity, requireSameDatabase } from "../runner/database/identity.ts";
import { type LedgerRow, readClaim, readLedger } from "../runner/ledger/ledger.ts";
import type { Migration } from "../runner/migration/migration.ts";
import { storageAccess } from "../runner/bucket.ts";
import { requirePreconditions } from "../runner/preconditions.ts";
import { UserError } from "../runner/userError.ts";
import type { Remembered } from "./remembered.ts";

/** What the target database says before anything is planned. */
export interface Target {
    readonly identity: DatabaseIdentity;
    readonly chain: Chain;
    /** Roles of the stack that are there already, in a database that it manages: made by it, also when its state was lost. */
    readonly ownRoles: readonly string[];
    /** What a person should know and that stops nothing. */
    readonly warnings: readonly string[];
}

export interface Expectations {
    readonly stack: string;
    readonly embedded: boolean;
    /** The database that the config names; empty: the one that the state remembers, or any. */
    readonly pinned: DatabaseIdentity;
    readonly remembered: Remembered;
    readonly migrations: readonly Migration[];
    readonly preconditions: string;
    /** Roles that this stack makes itself: the preconditions need not find them yet. */
    readonly stackRoles: readonly string[];
    /** Whether the engine is about to do it, not only to plan it. */
    readonly doing: boolean;
}

/**
 * Looks at the target in one short, read-only session, and stops a run that cannot go well before it begins.
 *
 * @throws UserError when the database is another one, another stack's, not ready, or contradicts the sql folder
 */
export async function readTarget(environment: Environment, expected: Expectations): Promise<Target> {
    if (expected.embedded && environment.PGHOST && !isLoopback(environment.PGHOST)) {
        throw new UserError(`databaseHost is "embedded", but PGHOST in this shell is ${environment.PGHOST}.`, [
            'set the shell up for the embedded database: eval "$(npm run -s env)"',
        ]);
    }
    // A preview does without it; a run must not find out after the migrations.
    if (expected.doing) storageAccess(environment);
    const client = await connect(environment, "preview");
    try {
        await client.query("set default_transaction_read_only = on");
        const identity = await readIdentity(client);
        requireSameDatabase(expected.pinned || expected.remembered.database, identity);
        const claimedBy = await readClaim(client);
        if (claimedBy !== undefined && claimedBy !== expected.stack) {
            throw new UserError(`the stack ${claimedBy} manages this database already; ${expected.stack} cannot.`, [
                "check which database this shell and this stack point at",
            ]);
        }
        const ledger = await readLedger(client);
        const chain = compareChain(expected.migrations, ledger);
        if (ledger.length === 0) await requirePreconditions(client, expected.preconditions, expected.stackRoles);
        const ownRoles = claimedBy === undefined ? [] : await readRoles(client, expected.stackRoles);
        return { identity, chain, ownRoles, warnings: lostSince(expected.remembered, ledger) };
    } finally {
        await client.end();
    }
}

async function readRoles(client: pg.Client, names: readonly string[]): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
        "select rolname as name from pg_roles where rolname = any ($1)",
        [names],
    );
    return rows.map(({ name }) => name);
}

/**
 * The engine plans nothing for what its state says is applied, so a database that lost it must be noticed here. A
 * warning and no error: a destroy that was interrupted looks the same, and its next run must go on.
 */
function lostSince({ newestMigration = "0000" }: Remembered, ledger: readonly LedgerRow[]): string[] {
    const newest = ledger.at(-1)?.version ?? "0000";
    if (newest >= newestMigration) return [];
    return [
        `after its last full run the stack had ${newestMigration} applied, but the ledger of this database ends at ${newest}. ` +
            "Was a destroy interrupted? Then this run goes on with it. Was the database restored from an older backup, or " +
            "rolled back from a shell? Then apply them again: node runner/main.ts migrate up (docs/troubleshooting.md)",
    ];
}
