import type pg from "pg";
import { readAspect, typeOfColumn } from "../../preview/changes/aspect.ts";
import { valueOfType } from "../../preview/changes/domain.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { readState } from "../../preview/trial/state.ts";
import { type Stage, TrialFailed } from "../../preview/trial/run.ts";
import { readIdentity } from "../../runner/database/identity.ts";
import { readSettings } from "../../runner/database/settings.ts";
import { readDirectives } from "../../runner/migration/directives.ts";
import { fileName, type Migration } from "../../runner/migration/migration.ts";
import { UserError } from "../../runner/userError.ts";
import type { Ground } from "../ground/ground.ts";
import { defaultPrivilegeStatements } from "./defaultPrivileges.ts";
import { proposedDown } from "./down.ts";
import { differencesAfter, type Inverse, invert } from "./inverse.ts";
import { membershipStatements } from "./memberships.ts";
import { privilegeStatements } from "./privileges.ts";
import { proposedVerify } from "./verify.ts";

/** What is proposed for a migration of which only up is written. */
export interface Proposal {
    readonly down: string;
    readonly verify: string;
    /** What the author should weigh; one sentence each. */
    readonly questions: readonly string[];
    /** Whether down ran and brought back the catalog, but for what it declares. */
    readonly restores: boolean;
    /** The catalog before and after up. */
    readonly before: Catalog;
    readonly after: Catalog;
}

/**
 * Runs up on the ground, and works out what brings the catalog back: the changes of names by their statements, the rest by
 * the difference of the catalogs, privileges grantee by grantee. What remains different is declared.
 *
 * @param ground with all migrations before this one
 * @throws UserError when PostgreSQL refuses up
 */
export async function propose(ground: Ground, migration: Migration): Promise<Proposal> {
    const client = await ground.enter();
    try {
        return await proposeOn(await stageOn(client, ground), migration);
    } finally {
        await client.end();
    }
}

async function proposeOn(stage: Stage, migration: Migration): Promise<Proposal> {
    const inverse = await invert(stage, migration).catch((error: unknown) => {
        if (!(error instanceof TrialFailed)) throw error;
        const { place, message, hint } = error.failure;
        throw new UserError(`${place.file}:${place.line}: ${message}`, [
            hint ?? "mend it first: then there is something to undo",
        ]);
    });
    const { restores, ...completed } = await complete(stage, migration, inverse);
    const { transactional } = readDirectives(migration.up, fileName(migration, "up"));
    return {
        down: await proposedDown({ inverse, ...completed, transactional }),
        verify: proposedVerify(inverse.before, inverse.after),
        questions: [...maybeRenamed(inverse), ...emptyAndRequired(inverse)],
        restores,
        before: inverse.before,
        after: inverse.after,
    };
}

async function complete(
    stage: Stage,
    migration: Migration,
    { statements, before }: Inverse,
): Promise<{ statements: readonly string[]; notRestored: readonly string[]; restores: boolean }> {
    try {
        const first = await differencesAfter(stage, migration, statements, before);
        const all = [
            ...statements,
            ...membershipStatements(first),
            ...privilegeStatements(first),
            ...defaultPrivilegeStatements(first),
        ];
        const left = await differencesAfter(stage, migration, all, before);
        return { statements: all, notRestored: left.map(({ key }) => key), restores: true };
    } catch {
        // One of the statements cannot run: the trial of the whole says which, and a person mends it.
        return { statements, notRestored: [], restores: false };
    }
}

/** A column that goes and one of the same type that comes: the values go with the first. */
function maybeRenamed({ before, after }: Inverse): string[] {
    const columns = (from: typeof before, to: typeof before) =>
        [...from].flatMap(([key, definition]) => {
            const { kind, object: table, part: name } = readAspect(key);
            return kind === "column" && name !== undefined && !to.has(key) ? [{ table, name, definition }] : [];
        });
    const came = columns(after, before);
    return columns(before, after).flatMap(gone => {
        const like = came.find(({ table, definition }) => table === gone.table && definition === gone.definition);
        return like
            ? [
                  `${gone.table}.${gone.name} goes with its values, and ${like.name} of the same type comes: if that is one column, write alter table ${gone.table} rename column ${gone.name} to ${like.name}`,
              ]
            : [];
    });
}

/** Columns that down can give back only to a table without rows: PostgreSQL has no value for those that are there. */
function emptyAndRequired({ before, observations }: Inverse): string[] {
    return observations
        .flatMap(({ lost }) => lost)
        .filter(({ kind, name }) => {
            const definition = kind === "column" ? (before.get(`column ${name}`) ?? "") : "";
            const hasValue =
                / (?:identity|generated) /.test(definition) ||
                before.has(`default of column ${name}`) ||
                valueOfType(typeOfColumn(definition), before) !== undefined;
            return / not null\b/.test(definition) && !hasValue;
        })
        .map(
            ({ name }) =>
                `${name} comes back not null and without a value: the rollback of a table with rows would fail; add it without not null, fill it, then set not null`,
        );
}

/** The ground is thrown away, so it is its own shadow. */
async function stageOn(client: pg.Client, ground: Ground): Promise<Stage> {
    const session = { client, identity: await readIdentity(client), settings: readSettings(ground.environment) };
    const start = await readState(client);
    const shadow = {
        client,
        admin: client,
        database: "postgres",
        proof: { level: "embedded shadow", notes: [] },
        made: "an embedded PostgreSQL",
        gaps: { standIns: [], names: new Set<string>(), unknownContent: false },
        isOwn: () => false,
        end: () => Promise.resolve(),
    } as const;
    return { shadow, session, start, now: start, inner: undefined, withRows: new Set() };
}
