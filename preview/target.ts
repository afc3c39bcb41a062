import type pg from "pg";
import { type Chain, compareChain, toRollBack } from "../runner/ledger/chain.ts";
import { type Environment, reading } from "../runner/database/connection.ts";
import { isLoopback } from "../runner/database/loopback.ts";
import { type DatabaseIdentity, readIdentity, requireSameDatabase } from "../runner/database/identity.ts";
import { type Claim, type LedgerRow, readClaim, readLedger, readTexts } from "../runner/ledger/ledger.ts";
import { isDenied } from "../runner/database/sqlError.ts";
import { label, type Migration } from "../runner/migration/migration.ts";
import { requireNoneStranded, storageAccess } from "../runner/bucket.ts";
import { requirePreconditions } from "../runner/preconditions.ts";
import { UserError } from "../runner/userError.ts";
import type { Remembered } from "./remembered.ts";
import type { Warnings } from "./report/report.ts";
import { requireNoneOrphaned, requireOlder, squashMoves, strayedSquash } from "./squash.ts";

/** What the target database says before anything is planned. */
export interface Target {
    readonly identity: DatabaseIdentity;
    readonly chain: Chain;
    /** Those of `chain.removed` with the texts that the ledger keeps, newest first. */
    readonly toRollBack: readonly Migration[];
    /**
     * Roles of the stack that are there already, in a database that it manages: made by it, also when its state was lost;
     * or for the migrations that were applied without it.
     */
    readonly ownRoles: readonly string[];
    /** What the ledger says of the squash, where that is neither what the stack left nor what it wants. */
    readonly strayed: string | undefined;
    readonly warnings: Warnings;
}

/** What the stack takes the target for, and what it wants of it. */
export interface Expectations {
    readonly stack: string;
    readonly embedded: boolean;
    /** The database that the config names; empty: the one that the state remembers, or any. */
    readonly pinned: DatabaseIdentity;
    readonly remembered: Remembered;
    readonly migrations: readonly Migration[];
    /** Version; empty: each migration has a resource of its own. */
    readonly squashThrough: string;
    /** Whether a rollback is to keep the rows that it removes. */
    readonly archive: boolean;
    readonly preconditions: string;
    readonly bucketName: string;
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
    requireOlder(expected.squashThrough, expected.migrations);
    // A preview does without it; a run must not find out after the migrations.
    if (expected.doing) storageAccess(environment);
    return await reading(environment, "preview", async client => {
        const identity = await readIdentity(client);
        requireSameDatabase(expected.pinned || expected.remembered.database, identity);
        const books = await readBooks(client);
        const claimedBy = books?.claim?.stack;
        if (claimedBy !== undefined && claimedBy !== expected.stack) {
            throw new UserError(`the stack ${claimedBy} manages this database already; ${expected.stack} cannot.`, [
                "check which database this shell and this stack point at",
            ]);
        }
        const roles = await readRoles(client, expected.stackRoles);
        if (books === undefined) return unread(identity, roles, expected);
        const { ledger, texts, claim } = books;
        if (claim !== undefined) await requireNoneStranded(client, expected.bucketName).catch(unlessDenied);
        const chain = compareChain(expected.migrations, ledger);
        requireNoneOrphaned(expected.squashThrough, chain);
        requireSameArchive(expected, chain);
        const odd =
            ledger.length === 0 ? await requirePreconditions(client, expected.preconditions, expected.stackRoles) : [];
        // A stack claims the database before it makes a role, so these are somebody else's; but where migrations were
        // applied without it, its roles were made for these: some of them name the roles.
        const isNew = claimedBy === undefined && ledger.length === 0;
        if (isNew && expected.remembered.database === undefined) requireNone(roles);
        return {
            identity,
            chain,
            toRollBack: toRollBack(chain, texts),
            ownRoles: isNew ? [] : roles,
            strayed: strayedSquash(claim?.squashedThrough ?? "", expected),
            warnings: {
                ledger: [...lostSince(expected, ledger), ...unknownTo(expected, chain)],
                others: [...odd, ...squashMoves(chain, expected)],
            },
        };
    });
}

interface Books {
    readonly ledger: readonly LedgerRow[];
    readonly texts: readonly Migration[];
    readonly claim: Claim | undefined;
}

/** Undefined when this login may not read them: a preview's own login need not. */
async function readBooks(client: pg.Client): Promise<Books | undefined> {
    try {
        const ledger = await readLedger(client);
        return { ledger, texts: await readTexts(client), claim: await readClaim(client) };
    } catch (error) {
        if (isDenied(error)) return undefined;
        throw error;
    }
}

/** A preview's own login need not see what is in Storage. */
function unlessDenied(error: unknown): void {
    if (!isDenied(error)) throw error;
}

/** What can be said without the ledger: the stack's own state knows how far it came. */
function unread(identity: DatabaseIdentity, roles: readonly string[], expected: Expectations): Target {
    const { newestMigration = "0000" } = expected.remembered;
    const applied = expected.migrations.filter(({ version }) => version <= newestMigration);
    return {
        identity,
        chain: {
            pending: expected.migrations.filter(({ version }) => version > newestMigration),
            applied,
            // What the ledger has of them is not known.
            changed: applied,
            removed: [],
        },
        toRollBack: [],
        ownRoles: expected.remembered.database === undefined ? [] : roles,
        strayed: undefined,
        warnings: {
            ledger: [],
            others: [
                `this login may not read the ledger, so what is pending is taken from the stack's state (applied up to ${newestMigration}); edits and rollbacks are not seen`,
            ],
        },
    };
}

async function readRoles(client: pg.Client, names: readonly string[]): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
        "select rolname as name from pg_roles where rolname = any ($1)",
        [names],
    );
    return rows.map(({ name }) => name);
}

function requireNone(roles: readonly string[]): void {
    if (roles.length === 0) return;
    throw new UserError(
        `there is a role ${roles.join(" and a role ")} already, and no stack manages this database: the stack makes its roles itself.`,
        ["if nobody needs it: drop role, in psql; otherwise rename it: alter role … rename to …"],
    );
}

/**
 * A rollback goes by what the engine's state has of it, what is shown of it by the config.
 *
 * @throws UserError where these two are not the same
 */
function requireSameArchive({ archive, remembered }: Expectations, { removed }: Chain): void {
    const recorded = remembered.archive ?? archive;
    if (removed.length === 0 || recorded === archive) return;
    throw new UserError(
        `simulation-db:archive is ${archive} now, but the rollback of ${removed.map(label).join(" and ")} would still go by ${recorded}: so the last full run recorded it.`,
        [
            "bring the folder back (git log -- sql) and run npm run up, which records the new value; then remove the folder and run npm run up again",
            `or set it to ${recorded} for this rollback, and to ${archive} afterwards`,
        ],
    );
}

/**
 * The engine plans nothing for what its state says is applied, so a database that lost it must be noticed here. A
 * warning and no error: a destroy that was interrupted looks the same, and its next run must go on.
 */
function lostSince({ remembered, squashThrough }: Expectations, ledger: readonly LedgerRow[]): string[] {
    const { newestMigration = "0000" } = remembered;
    const newest = ledger.at(-1)?.version ?? "0000";
    if (newest >= newestMigration) return [];
    const lost = `after its last full run the stack had ${newestMigration} applied, but the ledger of this database ends at ${newest}`;
    // The engine takes a resource whose rollback ended half way for one that is there.
    if (ledger.length > 0 && newest < squashThrough) {
        return [
            `${lost}, in the middle of the squash. Was a destroy interrupted? Then end it, or apply them again before ` +
                "anything else: node runner/main.ts migrate up (docs/troubleshooting.md)",
        ];
    }
    return [
        `${lost}. Was a destroy interrupted? Then this run goes on with it. Was the database restored from an older backup, or ` +
            "rolled back from a shell? Then apply them again: node runner/main.ts migrate up (docs/troubleshooting.md)",
    ];
}

/**
 * The engine deletes only what its state has, so it rolls nothing back that was applied without it. A warning and no
 * error: a run that failed half-way has them in its state, and not in its outputs.
 */
function unknownTo({ remembered, migrations }: Expectations, { removed }: Chain): string[] {
    const { newestMigration = "0000" } = remembered;
    const unknown = removed.filter(({ version, squashed }) => !squashed && version > newestMigration);
    if (unknown.length === 0) return [];
    const [newestThere = "0000"] = [newestMigration, migrations.at(-1)?.version ?? "0000"].sort().reverse();
    const gone = `${unknown.map(label).join(" and ")}: applied, by no full run of this stack, and no longer in the sql folder`;
    return [
        `${gone}. Was that done from a shell? Then this run does not roll it back: its folder has to come back for one up, ` +
            `or in a shell: node runner/main.ts migrate down --to ${newestThere} (docs/troubleshooting.md)`,
    ];
}
