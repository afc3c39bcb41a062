import { readApplied, readClaim } from "./ledger.ts";
import { requirePreconditions } from "../preconditions.ts";
import { readUnfinished, undoUnfinished } from "../steps/resumable.ts";
import type { Session } from "../database/session.ts";
import { UserError } from "../userError.ts";

/**
 * Makes a stack the one that manages this database. Before the first migration the preconditions are checked.
 *
 * @param preconditions their query; a line `-- roles: one, other` names what the stack makes after its claim
 * @throws UserError when another stack manages the database, or when the database is not ready
 */
export async function claim({ client, settings }: Session, preconditions: string): Promise<void> {
    const roles = /^-- roles: (.+)$/m.exec(preconditions)?.[1]?.split(", ");
    if ((await readApplied(client)).length === 0) await requirePreconditions(client, preconditions, roles);
    await client.query("insert into simulation_db.claim (stack) values ($1) on conflict do nothing", [settings.stack]);
    const owner = await readClaim(client);
    if (owner === settings.stack) return;
    throw new UserError(`the stack ${owner} manages this database already; ${settings.stack} cannot.`, [
        `use the stack ${owner}, or destroy it first`,
    ]);
}

/**
 * Gives the database free, if this stack manages it. The ledger's history stays.
 *
 * @returns false when it was another stack's, whose claim stays
 * @throws UserError while migrations are still applied
 */
export async function release(session: Session, say: (line: string) => void): Promise<boolean> {
    const { client, settings } = session;
    const unfinished = await readUnfinished(session);
    if (unfinished?.direction === "up") await undoUnfinished(session, unfinished.migration, say);
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
    say(`the stack ${owner} manages this database: its claim stays`);
    return false;
}
