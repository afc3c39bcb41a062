import type pg from "pg";
import { compareChain } from "./ledger/chain.ts";
import { readLedger } from "./ledger/ledger.ts";
import { label, type Migration, summary } from "./migration/migration.ts";
import { readForeign } from "./ledger/mirror.ts";
import { readUnfinished, type Unfinished } from "./steps/resumable.ts";

/**
 * What is applied and what is not, one line per migration.
 *
 * @throws UserError when the sql folder contradicts the ledger
 */
export async function statusLines(client: pg.Client, migrations: readonly Migration[]): Promise<string[]> {
    const ledger = await readLedger(client);
    const chain = compareChain(migrations, ledger);
    const foreign = await readForeign(
        client,
        ledger.filter(({ mirrored }) => mirrored).map(({ version }) => version),
    );
    const unfinished = await interrupted(client);
    const row = (state: string, name: string, text: string) => `${state.padEnd(11)} ${name.padEnd(36)} ${text}`;
    return [
        ...ledger.map(entry =>
            row(
                chain.removed.includes(entry) ? "to roll back" : "applied",
                label(entry),
                `${entry.appliedAt.toISOString()} by ${entry.appliedBy} ${entry.repaired ? "marked by repair" : `in ${entry.durationMs} ms`}`,
            ),
        ),
        ...chain.pending.map(migration => row("pending", label(migration), summary(migration))),
        ...(unfinished
            ? [
                  row(
                      "interrupted",
                      label(unfinished.migration),
                      `on its way ${unfinished.direction}, ${unfinished.done.length} statements done; the next run goes on from there`,
                  ),
              ]
            : []),
        ...foreign.map(({ version, name }) =>
            row("foreign", name ? `${version}_${name}` : version, "applied by another tool; never run, never removed"),
        ),
        `${ledger.length} applied, ${chain.pending.length} pending, ${chain.removed.length} to roll back`,
    ];
}

/** The migration that a run left half done or has under way. */
async function interrupted(client: pg.Client): Promise<Unfinished | undefined> {
    const { rows } = await client.query<{ there: boolean }>(
        "select to_regclass('simulation_db.unfinished') is not null as there",
    );
    return rows[0]?.there ? await readUnfinished({ client }) : undefined;
}
