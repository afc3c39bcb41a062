import type pg from "pg";
import { compareChain } from "./ledger/chain.ts";
import { type ForeignMigration, readForeign } from "./ledger/mirror.ts";
import { type LedgerRow, readAdopted, readLedger } from "./ledger/ledger.ts";
import { readUnfinished, type Unfinished } from "./ledger/unfinished.ts";
import { readDirectives } from "./migration/directives.ts";
import { fileName, label, type Migration, summary } from "./migration/migration.ts";

/** Where a database stands. */
export interface Status {
    /** Oldest first; those to be rolled back included. */
    readonly applied: readonly LedgerRow[];
    /** Versions of those that other means had applied and this tool took over. */
    readonly adopted: readonly string[];
    /** Version of the last migration of the squash. */
    readonly squashedThrough: string | undefined;
    readonly pending: readonly Migration[];
    /** Newest first. */
    readonly toRollBack: readonly LedgerRow[];
    /** The migration that a run left half done or has under way. */
    readonly interrupted: Unfinished | undefined;
    /** What other tools applied, save what has been imported and taken over. */
    readonly foreign: readonly ForeignMigration[];
}

/** @throws UserError when the sql folder contradicts the ledger */
export async function readStatus(client: pg.Client, migrations: readonly Migration[]): Promise<Status> {
    const applied = await readLedger(client);
    const { pending, removed } = compareChain(migrations, applied);
    const mirrored = applied.filter(row => row.mirrored).map(({ version }) => version);
    const imported = migrations
        .filter(({ version }) => applied.some(row => row.version === version))
        .flatMap(({ up, ...name }) => importedVersion(up, fileName(name, "up")));
    return {
        applied,
        adopted: await readAdopted(client),
        squashedThrough: applied.findLast(({ squashed }) => squashed)?.version,
        pending,
        toRollBack: removed,
        interrupted: await readInterrupted(client),
        foreign: await readForeign(client, [...mirrored, ...imported]),
    };
}

/** The Supabase CLI's version of what was imported. */
function importedVersion(up: string, file: string): string[] {
    const { imported } = readDirectives(up, file);
    return imported?.match(/^\d+/) ?? [];
}

/** The same for people, one line per migration. */
export function statusLines({
    applied,
    adopted,
    squashedThrough,
    pending,
    toRollBack,
    interrupted,
    foreign,
}: Status): string[] {
    const row = (state: string, name: string, text: string) => `${state.padEnd(11)} ${name.padEnd(36)} ${text}`;
    const how = ({ version, repaired, durationMs }: LedgerRow) => {
        if (repaired) return "marked by repair";
        return adopted.includes(version) ? "taken over by adopt" : `in ${durationMs} ms`;
    };
    return [
        ...applied.map(entry =>
            row(
                toRollBack.includes(entry) ? "to roll back" : "applied",
                label(entry),
                `${entry.appliedAt.toISOString()} by ${entry.appliedBy} ${how(entry)}`,
            ),
        ),
        ...pending.map(migration => row("pending", label(migration), summary(migration))),
        ...(interrupted
            ? [
                  row(
                      "interrupted",
                      label(interrupted.migration),
                      interrupted.isTurnedBack
                          ? "an up that was being taken back; the next run does that to its end first"
                          : `on its way ${interrupted.direction}, ${interrupted.done.length} statements done; the next run goes on from there`,
                  ),
              ]
            : []),
        ...applied
            .filter(({ hasScaffold }) => hasScaffold)
            .map(entry =>
                row(
                    "interrupted",
                    label(entry),
                    "its rollback is under way or was killed; what it has put on its tables goes with the next up or down",
                ),
            ),
        ...foreign.map(({ version, name }) =>
            row("foreign", name ? `${version}_${name}` : version, "applied by another tool; never run, never removed"),
        ),
        `${applied.length} applied${squashedThrough === undefined ? "" : ` (through ${squashedThrough} squashed)`}, ${pending.length} pending, ${toRollBack.length} to roll back`,
    ];
}

async function readInterrupted(client: pg.Client): Promise<Unfinished | undefined> {
    const { rows } = await client.query<{ there: boolean }>(
        "select to_regclass('simulation_db.unfinished') is not null as there",
    );
    return rows[0]?.there ? await readUnfinished({ client }) : undefined;
}
