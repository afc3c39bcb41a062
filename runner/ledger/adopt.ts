import type pg from "pg";
import { type Catalog, readInstalledCatalog } from "../catalog/catalog.ts";
import { adoptIntoLedger, readApplied } from "./ledger.ts";
import { saysFound, sayVouched, vouchFor } from "./repair.ts";
import { endProgress, requireEnded } from "./unfinished.ts";
import { hashOf, label, type Migration } from "../migration/migration.ts";
import { inRetriedTransaction } from "../database/retry.ts";
import type { Session } from "../database/session.ts";
import { UserError } from "../userError.ts";

/** What migrations did to the catalog of a database where this tool applied them: the yardstick of an adoption. */
export interface Reference {
    readonly format: 1;
    /** PostgreSQL's major version: definitions are not the same text in another one. */
    readonly major: number;
    readonly migrations: readonly ReferenceMigration[];
}

export interface ReferenceMigration {
    readonly version: string;
    readonly upHash: string;
    readonly found: unknown;
    readonly undo: { readonly added: Record<string, string>; readonly removed: Record<string, string> };
}

/** An aspect of the catalog that is not as the migrations would have made it. */
export interface Difference {
    readonly key: string;
    readonly expected: string | null;
    readonly actual: string | null;
}

/** A migration whose down goes by what its up found, and what that was elsewhere. Here, nobody saw it. */
export interface Unseen {
    readonly migration: Migration;
    readonly found: unknown;
}

/** What came of an adoption. */
export interface Adoption {
    readonly taken: readonly Migration[];
    /** Why no more were taken, though the catalog agrees: all of those, the first one first. */
    readonly unseen: readonly Unseen[];
}

/** Reads the yardstick from the output of `reference`. @throws UserError when the text is something else */
export function readReference(text: string): Reference {
    let why = "it is not in the form that this version writes";
    try {
        const reference = JSON.parse(text) as Partial<Reference> | null;
        if (reference?.format === 1 && Array.isArray(reference.migrations)) return reference as Reference;
    } catch (error) {
        why = (error as SyntaxError).message;
    }
    throw new UserError(`what came on stdin is no reference of a database: ${why}`, [
        "print one where the migrations are applied, and hand it over: node runner/main.ts reference > reference.json",
    ]);
}

/** Reads the yardstick from a database where the migrations are applied. */
export async function exportReference(client: pg.Client): Promise<Reference> {
    const { rows } = await client.query<ReferenceMigration>(`
        select version, up_hash as "upHash", found, undo from simulation_db.migration where undo is not null order by version`);
    return { format: 1, major: await serverMajor(client), migrations: rows };
}

/**
 * Takes over a database where the first migrations of the folder were applied by other means, without running any of
 * their statements: as many as its catalog agrees with, when compared with what they made elsewhere. A catalog does not
 * say what it was like before, so it ends before the first one whose down goes by that.
 *
 * @param sameFound versions of those of which a person says that they found here what they found there
 * @param say told of what could not be mirrored, and of what is no drift from then on
 * @throws UserError that names each difference, when not even the first one agrees
 */
export async function adopt(
    session: Session,
    migrations: readonly Migration[],
    reference: Reference,
    sameFound: readonly string[],
    say: (line: string) => void,
): Promise<Adoption> {
    const { client, settings } = session;
    const ledger = await readApplied(client);
    const applied = ledger.length;
    const known = fitting(migrations, reference);
    if (reference.major !== (await serverMajor(client))) {
        throw new UserError(
            `the reference comes from PostgreSQL ${reference.major}, this server is ${await serverMajor(client)}.`,
            ["make the reference on a server of the same major version: embeddedMajor in the stack's config"],
        );
    }

    const nearest = nearestState(known, applied, await readInstalledCatalog(client));
    if (!nearest) return { taken: [], unseen: [] };
    const { count, differences } = nearest;
    if (differences.length === 0) {
        const matching = migrations.slice(applied, count).flatMap((migration, index) => {
            const entry = known[applied + index];
            return entry ? [{ migration, entry }] : [];
        });
        const unseen = matching
            .filter(({ migration }) => saysFound(migration) && !sameFound.includes(migration.version))
            .map(({ entry, migration }) => ({ migration, found: entry.found }));
        const [first] = unseen;
        const taken = matching.filter(({ entry }) => !first || entry.version < first.migration.version);
        if (taken.length > 0) {
            await requireEnded(
                session,
                taken.map(({ entry }) => entry.version),
            );
            const changed = await inRetriedTransaction(session, {}, say, async () => {
                for (const { migration, entry } of taken) {
                    const { found, undo } = entry;
                    await adoptIntoLedger(client, migration, { found, undo, stack: settings.stack, say });
                }
                // One of these may have been interrupted: what it began is what the reference has as well.
                await endProgress(session);
                return await vouchFor(session, ledger);
            });
            const expected = expectedAfter(known.slice(0, count));
            sayVouched(
                changed.filter(key => !expected.has(key)),
                say,
            );
        }
        return { taken: taken.map(({ migration }) => migration), unseen };
    }
    const upTo = migrations[count - 1];
    throw new UserError(
        `nothing can be adopted. Nearest is the state after ${upTo ? label(upTo) : ""}, with ${differences.length} differences:\n` +
            differences.map(difference => `  ${describe(difference)}`).join("\n"),
        [
            "mend what differs by hand, then run the same command again; or let npm run up apply the migrations to a database without them",
        ],
    );
}

/** After how many migrations a catalog is, or is nearest to, and what differs from that; no difference: it is there. */
export interface NearestState {
    readonly count: number;
    readonly differences: readonly Difference[];
}

/**
 * Holds a catalog against what the migrations made elsewhere: as many as agree, else as many as leave the fewest
 * differences.
 *
 * @param known those of the reference, from the first on
 * @param applied how many the ledger has already
 * @returns undefined when there is nothing beyond these
 */
export function nearestState(
    known: readonly ReferenceMigration[],
    applied: number,
    catalog: Catalog,
): NearestState | undefined {
    let nearest: NearestState | undefined;
    for (let count = known.length; count > applied; count -= 1) {
        const differences = compare(catalog, known.slice(0, count));
        if (differences.length === 0) return { count, differences };
        if (!nearest || differences.length < nearest.differences.length) nearest = { count, differences };
    }
    return nearest;
}

/** The reference's migrations that have the same text as the folder's, from the first on. */
export function fitting(migrations: readonly Migration[], reference: Reference): ReferenceMigration[] {
    const same: ReferenceMigration[] = [];
    for (const migration of migrations) {
        const entry = reference.migrations.find(({ version }) => version === migration.version);
        if (entry?.upHash !== hashOf(migration.up)) break;
        same.push(entry);
    }
    return same;
}

/** @throws UserError that says what a person has to find out of those that were not taken, and how to go on */
export function refuseUnseen(unseen: readonly Unseen[]): void {
    const [first] = unseen;
    if (!first) return;
    const shown = unseen.map(({ migration, found }) => `  ${label(migration)} found ${JSON.stringify(found)}`);
    throw new UserError(
        `${label(first.migration)} and what comes after it is not adopted: its down goes by what its up found, which nobody saw here. Where the reference is from,\n${shown.join("\n")}`,
        [
            `where it was the same here, before it was applied: the same command with --same-found ${unseen.map(({ migration }) => migration.version).join(" ")}`,
            `where it was not: node runner/main.ts repair applied ${first.migration.version} --reason '…' --found '…', with what it was here; then the same command again`,
        ],
    );
}

/** The sum of the migrations: of each aspect they touched, the last definition counts; null: it is gone. */
function expectedAfter(migrations: readonly ReferenceMigration[]): Map<string, string | null> {
    const expected = new Map<string, string | null>();
    for (const { undo } of migrations) {
        for (const key of Object.keys(undo.removed)) expected.set(key, null);
        for (const [key, definition] of Object.entries(undo.added)) expected.set(key, definition);
    }
    return expected;
}

function compare(catalog: Catalog, migrations: readonly ReferenceMigration[]): Difference[] {
    return [...expectedAfter(migrations)]
        .map(([key, definition]) => ({ key, expected: definition, actual: catalog.get(key) ?? null }))
        .filter(each => each.expected !== each.actual)
        .sort((one, other) => (one.key < other.key ? -1 : 1));
}

/** In one line, or three. */
export function describe({ key, expected, actual }: Difference): string {
    if (actual === null) return `missing: ${key}`;
    if (expected === null) return `too much: ${key}`;
    return `different: ${key}\n      expected ${expected.replaceAll("\n", "; ")}\n      found    ${actual.replaceAll("\n", "; ")}`;
}

async function serverMajor(client: pg.Client): Promise<number> {
    const { rows } = await client.query<{ major: number }>(
        "select current_setting('server_version_num')::int / 10000 as major",
    );
    return rows[0]?.major ?? 0;
}
