import { readApplied, readClaim } from "./ledger.ts";
import { requirePreconditions } from "../preconditions.ts";
import type { Session } from "../database/session.ts";
import { UserError } from "../userError.ts";

/**
 * Makes a stack the one that manages this database, and writes down which migrations it has squashed: before any of its
 * resources goes, so that one that the squash replaces takes nothing back. Before the first migration the preconditions
 * are checked.
 *
 * @param preconditions their query; a line `-- roles: one, other` names what the stack makes after its claim, a line
 *     `-- squashed through: 0300` the last migration of its squash, or `none`; without it what is known of that stays
 * @throws UserError when another stack manages the database, or when the database is not ready
 */
export async function claim({ client, settings }: Session, preconditions: string): Promise<void> {
    const roles = /^-- roles: (.+)$/m.exec(preconditions)?.[1]?.split(", ");
    const squashed = /^-- squashed through: (\d{4}|none)\b/m.exec(preconditions)?.[1];
    if ((await readApplied(client)).length === 0) await requirePreconditions(client, preconditions, roles);
    await client.query(
        `insert into simulation_db.claim (stack, squashed_through) values ($1, nullif($2, 'none'))
         on conflict (only_one) do update set squashed_through = excluded.squashed_through
         where claim.stack = excluded.stack and $2 is not null`,
        [settings.stack, squashed],
    );
    const owner = await readClaim(client);
    if (owner?.stack === settings.stack) return;
    throw new UserError(`the stack ${owner?.stack} manages this database already; ${settings.stack} cannot.`, [
        `use the stack ${owner?.stack}, or destroy it first`,
    ]);
}

/**
 * Gives the database free, if this stack manages it. The ledger's history stays. An up that was interrupted has been
 * taken back before.
 *
 * @returns false when it was another stack's, whose claim stays
 * @throws UserError while migrations are still applied
 */
export async function release({ client, settings }: Session, say: (line: string) => void): Promise<boolean> {
    const applied = await readApplied(client);
    if (applied.length > 0) {
        const versions = applied.map(({ version }) => version).join(", ");
        throw new UserError(`migrations are still applied (${versions}): this database cannot be given free.`, [
            "roll them back first: the texts are in simulation_db.migration, node runner/main.ts migrate down --to 0000 runs them",
        ]);
    }
    await client.query("delete from simulation_db.claim where stack = $1", [settings.stack]);
    const owner = await readClaim(client);
    if (owner === undefined) return true;
    say(`the stack ${owner.stack} manages this database: its claim stays`);
    return false;
}
