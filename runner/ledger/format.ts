import type pg from "pg";
import { addLast, splitSnapshot } from "../catalog/snapshot.ts";
import { installedFunctions } from "./functions.ts";
import { UserError } from "../userError.ts";

/** SQL. */
export const commentWrote =
    "comment on column simulation_db.migration.wrote is 'Until undo is written down: what simulation_db.written() said at the end of up; null: not known.'";

/** SQL. */
export const commentSquashed =
    "comment on column simulation_db.claim.squashed_through is 'Up to this version migrations are left to one resource of the stack, its squash; null: to none.'";

/**
 * What takes a ledger from each format to the next one, in SQL; the first entry takes format 1 to format 2. An entry
 * that a release has brought is never changed again. A preview looks before any run has upgraded, so what it reads
 * must be there in the format before as well.
 */
const upgrades: readonly string[] = [
    // To 2: the number is written down, and that is all.
    "",
    // To 3: the snapshot has a row per aspect, so that a change writes what it changed and no more.
    `${splitSnapshot};
     alter table simulation_db.migration add column wrote oid[];
     comment on column simulation_db.migration.wrote is 'Until undo is written down: the tables of the system catalog that up wrote to; null: not known.'`,
    // To 4: what was written is known more closely, and whether a snapshot holds all that was.
    `alter table simulation_db.snapshot add column complete boolean not null default false;
     alter table simulation_db.migration drop column wrote, add column wrote jsonb;
     ${commentWrote};
     drop function if exists simulation_db.changes(boolean, text[], oid[]), simulation_db.touched(oid[]),
         simulation_db.versions(oid[]), simulation_db.written(), simulation_db.catalog()`,
    // To 5: a transaction that has parts, with numbers of their own, may leave such a snapshot as well.
    addLast,
    // To 6: which migrations are left to one resource of the stack.
    `alter table simulation_db.claim add column squashed_through text;
     ${commentSquashed}`,
];

/** The format that this version of the tool makes and works with. */
const ledgerFormat = upgrades.length + 1;

/** Writes the number down where every login can read it in one look at the catalog: in the comment on the schema. SQL. */
export const recordFormat = `comment on schema simulation_db is
    'Ledger of simulation-db, format ${ledgerFormat}: which migrations are applied, and all that happened. Not for the API.'`;

/** The ledger that is there. */
export interface LedgerFormat {
    /** A ledger without a number has the first. */
    readonly format: number;
    /** Version of its functions, if any. */
    readonly functions: string | null;
}

/**
 * The format of the ledger that is there; undefined when there is none.
 *
 * @throws UserError when a newer version of this tool has written it: what it means is not known here
 */
export async function readFormat(client: pg.Client): Promise<LedgerFormat | undefined> {
    const { rows } = await client.query<{ there: boolean; format: number | null; functions: string | null }>(`
        select to_regclass('simulation_db.migration') is not null as there,
               substring(obj_description(to_regnamespace('simulation_db'), 'pg_namespace') from ', format (\\d{1,9}):')::int as format,
               ${installedFunctions} as functions`);
    const [found] = rows;
    if (!found?.there) return undefined;
    const { functions } = found;
    const format = found.format ?? 1;
    if (format <= ledgerFormat) return { format, functions };
    throw new UserError(
        `the ledger of this database has format ${format}, and this version of simulation-db knows formats up to ${ledgerFormat}: a newer one has written it.`,
        [
            "update this project (git pull) to the version that was used last; nothing was changed",
            "see who that was: select at, by_program, stack from simulation_db.history order by id desc limit 1",
        ],
    );
}

/** Takes an older ledger to the format of today, all or nothing. The caller holds the advisory lock. */
export async function upgradeLedger(client: pg.Client, from: number): Promise<void> {
    if (from === ledgerFormat) return;
    // One simple query of several statements is one transaction.
    await client.query([...upgrades.slice(from - 1), recordFormat].join(";\n"));
}
