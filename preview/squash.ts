import type { Chain } from "../runner/ledger/chain.ts";
import { label, type Migration } from "../runner/migration/migration.ts";
import { UserError } from "../runner/userError.ts";
import type { Remembered } from "./remembered.ts";

const key = "simulation-db:squashThrough";

/**
 * The newest migration keeps a resource of its own: removed from the folder, it can be rolled back without the others.
 *
 * @throws UserError when the squash would end anywhere else than at an older migration of the folder
 */
export function requireOlder(through: string, migrations: readonly Migration[]): void {
    if (through === "") return;
    const older = migrations.slice(0, -1).map(({ version }) => version);
    if (older.includes(through)) return;
    const range = older.length > 0 ? `a version from ${older[0]} to ${older.at(-1)}` : "more than one migration";
    throw new UserError(`${key} is ${through}: it needs ${range}, so that the newest keeps a resource of its own.`, [
        `set it to an older one, or take it away: each migration then has its own resource, and nothing is run again`,
    ]);
}

/**
 * A resource that stands for several migrations cannot roll back one of them.
 *
 * @throws UserError when a migration of the squash is no longer in the folder
 */
export function requireNoneOrphaned(through: string, { removed }: Chain): void {
    const orphaned = removed.filter(({ squashed }) => squashed);
    if (orphaned.length === 0) return;
    throw new UserError(
        `${orphaned.map(label).join(", ")} cannot be rolled back: one resource of the stack stands for this and others (${key} was ${orphaned[0]?.version} or later, and is ${through || "none"} now).`,
        [
            `bring the folder back (git log -- sql) and run npm run up with a lower ${key}, or none: then it has its own resource`,
            "then remove the folder and run npm run up again",
        ],
    );
}

/** What the stack wants, and what its last run left. */
interface Wanted {
    /** Version, or empty. */
    readonly squashThrough: string;
    readonly remembered: Remembered;
}

/**
 * The claim that a run was killed after, or that somebody made in a shell: the engine would not make it again, as its
 * own books say that it is made.
 *
 * @param squashed what the ledger says
 * @returns the same where it has to be mended
 */
export function strayedSquash(squashed: string, { squashThrough, remembered }: Wanted): string | undefined {
    const left = remembered.squashThrough ?? "";
    return remembered.database !== undefined && left === squashThrough && squashed !== left ? squashed : undefined;
}

/**
 * What the engine shows as deleted and created while nothing is rolled back or run.
 *
 * @throws UserError where it would find out half way that it must not delete
 */
export function squashMoves({ applied }: Pick<Chain, "applied">, { squashThrough, remembered }: Wanted): string[] {
    const left = remembered.squashThrough ?? "";
    const moved = applied.filter(({ version }) => version <= left !== version <= squashThrough);
    const [first] = moved;
    const last = moved.at(-1);
    if (remembered.database === undefined || !first || !last) return [];
    const what = first === last ? `${first.version} moves` : `${first.version} to ${last.version} move`;
    const move = `${what} ${left < squashThrough ? "into" : "out of"} the squash, as ${key} says`;
    const deletes = left < squashThrough || squashThrough === "";
    if (deletes && (remembered.protect ?? true)) {
        throw new UserError(`${move}, but the resources are or may be protected, and some of them go.`, [
            "set simulation-db:protect to false and run npm run up first, without this change; afterwards set it to true again",
        ]);
    }
    return [
        `${move}: the engine ${deletes ? "deletes and creates" : "creates"} resources for that, but none of these migrations is rolled back or run`,
    ];
}
