import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Chain } from "../../runner/ledger/chain.ts";
import type { LedgerRow } from "../../runner/ledger/ledger.ts";
import { hashOf } from "../../runner/migration/migration.ts";
import { UserError } from "../../runner/userError.ts";
import type { TargetLook } from "../look/targetLook.ts";
import { ownPart } from "./drift.ts";

/** What a preview saw of the target; a run that comes after it must find the same. */
interface Seen {
    readonly identity: string;
    /** Versions that were applied. */
    readonly applied: readonly string[];
    /** Of what a person may change, without what the stack's own resources do. */
    readonly catalog: string;
}

/** Keeps what the preview saw, in the folder of its reports. */
export async function keepSeen(folder: string, look: TargetLook): Promise<void> {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "seen.json"), `${JSON.stringify(seenOf(look))}\n`);
}

/**
 * Compares with what the last preview of this stack saw. A run that has gone some way already has other versions
 * applied, and then there is nothing to compare; without a preview neither.
 *
 * @throws UserError when the catalog was changed since
 */
export async function requireAsSeen(folder: string, look: TargetLook): Promise<void> {
    const text = await readFile(join(folder, "seen.json"), "utf8").catch(() => undefined);
    if (text === undefined) return;
    const before = JSON.parse(text) as Seen;
    const now = seenOf(look);
    const isComparable = before.identity === now.identity && before.applied.join() === now.applied.join();
    if (!isComparable || before.catalog === now.catalog) return;
    throw new UserError(
        "the database was changed after the preview, so what the preview showed is no longer what would happen.",
        ["run the preview again and read it: npm run preview"],
    );
}

/**
 * Compares what the ledger said before the catalog was read with what it said afterwards. In between, a run may have
 * committed what is taken for pending, and its objects would be in the way of the trial.
 *
 * @throws UserError when it did
 */
export function requireSameLedger({ applied, removed }: Chain, { ledger }: TargetLook): void {
    if (ledger === undefined) return;
    const before = [...applied, ...removed].map(({ version }) => version).sort();
    if (before.join() === versionsOf(ledger).sort().join()) return;
    throw new UserError(
        "another run applied migrations, or rolled some back, while this one looked at the database; nothing was changed by this one.",
        ["wait until that one has ended, then run this again"],
    );
}

function seenOf({ identity, ledger, catalog }: TargetLook): Seen {
    const own = [...ownPart(catalog)].sort(([one], [other]) => (one < other ? -1 : 1));
    return { identity, applied: versionsOf(ledger ?? []), catalog: hashOf(JSON.stringify(own)) };
}

function versionsOf(rows: readonly LedgerRow[]): string[] {
    return rows.map(({ version }) => version);
}
