import type { Environment } from "../runner/database/connection.ts";
import { shortName } from "../runner/database/settings.ts";
import type { Migration } from "../runner/migration/migration.ts";
import { notPromoted } from "../runner/promotion/promoted.ts";
import { readRecord, recordFile } from "../runner/promotion/record.ts";
import { UserError } from "../runner/userError.ts";

export interface PromotionSettings {
    /** The stack in which a migration must have run first, as the ledger names it; empty: none. */
    readonly from: string;
    /** Public, in base64; empty: a signature is not asked for. */
    readonly key: string;
}

/**
 * Holds what is pending against the record of the stack that comes before this one.
 *
 * @param doing a run stops; a preview only says it, since a change is reviewed before it has run anywhere
 * @returns what a person should know
 * @throws UserError when something has not run there, and nobody says why it may go on all the same
 */
export async function requirePromoted(
    pending: readonly Migration[],
    { from, key }: PromotionSettings,
    environment: Environment,
    doing: boolean,
): Promise<string[]> {
    if (from === "" || pending.length === 0) return [];
    const refusal = await refusalOf(pending, from, key, environment);
    if (refusal === undefined) return [];
    const reason = environment.SIMULATION_DB_UNPROMOTED_REASON?.trim();
    if (reason) return [`${refusal.message}\n  goes on all the same: ${reason} (this is kept in the ledger)`];
    if (doing) throw refusal;
    return [`${refusal.message}\n  up will stop there`];
}

async function refusalOf(
    pending: readonly Migration[],
    from: string,
    key: string,
    environment: Environment,
): Promise<UserError | undefined> {
    const name = shortName(from);
    const remedies = [
        `run it there first: npm run up -- -s ${name}, then npm run promotion -- -s ${name}`,
        'or say why it cannot wait: SIMULATION_DB_UNPROMOTED_REASON="…"; the ledger keeps the reason',
    ];
    try {
        const record = await readRecord(environment.SIMULATION_DB_PROMOTION || recordFile(from), from, key);
        const faults = notPromoted(pending, record);
        if (faults.length === 0) return undefined;
        const lines = faults.map(fault => `  ${fault}`).join("\n");
        return new UserError(`what is pending has not run in ${name} first:\n${lines}`, remedies);
    } catch (error) {
        if (!(error instanceof UserError)) throw error;
        return new UserError(error.message, [...error.next, ...remedies.slice(1)]);
    }
}
