import type { Outcome } from "./outcome.ts";
import { isStored, requireSameUp } from "../ledger/chain.ts";
import { type LedgerRow, recordInLedger } from "../ledger/ledger.ts";
import { label, type Migration } from "../migration/migration.ts";
import type { Session } from "../database/session.ts";
import { UserError } from "../userError.ts";

/**
 * Stores changed down and verify texts of an applied migration. Nothing of the migration runs.
 *
 * @throws UserError when the migration is not applied, or its up.sql was changed
 */
export async function record(session: Session, migration: Migration, applied: readonly LedgerRow[]): Promise<Outcome> {
    const row = applied.find(({ version }) => version === migration.version);
    if (!row) {
        throw new UserError(
            `the stack's state says that ${label(migration)} is applied, but the ledger of this database does not.`,
            [
                "was the database restored from an older backup? See npm run status",
                "apply it again from a shell: node runner/main.ts migrate up; then the stack finds what it remembers",
            ],
        );
    }
    requireSameUp(migration, row);
    if (!isStored(migration, row)) await recordInLedger(session.client, migration, session.settings.stack);
    return { did: "recorded", durationMs: 0 };
}
