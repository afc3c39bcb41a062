import { type Facts, readFacts, type Step, stepsBetween } from "../../preview/delta.ts";
import { type Catalog, readInstalledCatalog } from "../../runner/catalog/catalog.ts";
import type { Renamed, StatementObservation } from "../../preview/trial/observation.ts";
import { observeFile, type Stage } from "../../preview/trial/run.ts";
import { fileName, type Migration } from "../../runner/migration/migration.ts";
import { type Statement, splitStatements } from "../../runner/migration/statements.ts";
import { inverseOfRename, inverseOfRenamed, isRename } from "./renames.ts";

/** What undoes an up, and what was seen of that up. */
export interface Inverse {
    /** In an order that works; not yet worded as this project words SQL, and without privileges. */
    readonly statements: readonly string[];
    readonly before: Catalog;
    readonly after: Catalog;
    readonly observations: readonly StatementObservation[];
}

/**
 * Runs an up on the stage, takes it back, and works out what undoes it: between two changes of names the difference of
 * the catalogs, the names themselves by their statements, since a difference takes a new name for another thing.
 *
 * @throws TrialFailed when a statement of up is refused
 */
export async function invert(stage: Stage, migration: Migration): Promise<Inverse> {
    const { client } = stage.shadow;
    const file = fileName(migration, "up");
    const observations: StatementObservation[] = [];
    const before = await readInstalledCatalog(client);
    const parts: string[][] = [];
    let state = stage.now;
    let facts: Facts | undefined;
    await client.query("begin");
    try {
        for (const segment of segmentsOf(await splitStatements(migration.up, file))) {
            const seen = observations.length;
            const from = facts ?? (await readFacts(client, { isOpen: true }));
            const kept = await withEnumValues(stage, segment, from);
            state = await observeFile(stage, textOf(segment), file, observations, stage.start, state);
            const renamed = observations.slice(seen).flatMap(each => each.renamed);
            const [only] = segment;
            const byName = only && isRename(only) ? await inverseOfRename(only) : undefined;
            if (byName !== undefined) {
                parts.unshift([byName]);
                facts = undefined;
            } else {
                facts = await readFacts(client, { isOpen: true });
                parts.unshift(await undoing(stage, facts, kept, renamed));
            }
        }
        return { statements: parts.flat(), before, after: await readInstalledCatalog(client), observations };
    } finally {
        await client.query("rollback");
    }
}

/** What differs from the catalog before up when the statements have been run after it; nothing of it stays. */
export async function differencesAfter(
    { shadow: { client } }: Stage,
    migration: Migration,
    down: readonly string[],
    before: Catalog,
): Promise<Difference[]> {
    const up = await splitStatements(migration.up, fileName(migration, "up"));
    await client.query("begin");
    try {
        await client.query(textOf(up));
        for (const statement of down) await client.query(statement);
        const now = await readInstalledCatalog(client);
        const keys = new Set([...before.keys(), ...now.keys()]);
        return [...keys]
            .map(key => ({ key, before: before.get(key), after: now.get(key) }))
            .filter(each => each.before !== each.after);
    } finally {
        await client.query("rollback");
    }
}

/** One aspect of an object; undefined: is not there. */
export interface Difference {
    readonly key: string;
    readonly before: string | undefined;
    readonly after: string | undefined;
}

/** Statements that stand together: all up to the next one that changes a name, and that one by itself. */
function segmentsOf(statements: readonly Statement[]): Statement[][] {
    const segments: Statement[][] = [];
    for (const [index, statement] of statements.entries()) {
        const before = statements[index - 1];
        const last = segments.at(-1);
        const alone = isRename(statement) || (before !== undefined && isRename(before));
        if (!last || alone) segments.push([statement]);
        else last.push(statement);
    }
    return segments;
}

/** Each at its own line. What builds an index concurrently builds the same one without, and can be taken back then. */
function textOf(segment: readonly Statement[]): string {
    let line = 1;
    return segment
        .map(({ text, tree, line: at }) => {
            const sql = `${tree.concurrent === true ? text.replace(/\bconcurrently\b/i, "") : text}\n;`;
            const gap = "\n".repeat(Math.max(0, at - line));
            line = Math.max(line, at) + sql.split("\n").length - 1;
            return gap + sql;
        })
        .join("");
}

/**
 * The catalog that down can bring back at the most: PostgreSQL takes no value out of an enum, so those that up adds count
 * as if they had been there.
 */
async function withEnumValues(stage: Stage, segment: readonly Statement[], from: Facts): Promise<Facts> {
    const adding = segment.filter(({ kind, tree }) => kind === "AlterEnumStmt" && tree.oldVal === undefined);
    if (adding.length === 0) return from;
    const { client } = stage.shadow;
    await client.query("savepoint enum_values");
    try {
        for (const { text } of adding) await client.query(text);
        return await readFacts(client, { isOpen: true });
    } catch {
        // The type is new, or something else is wrong, which up itself will say.
        return from;
    } finally {
        await client.query("rollback to savepoint enum_values; release savepoint enum_values");
    }
}

/** @param renamed what got other names inside of a `do` */
async function undoing(stage: Stage, from: Facts, to: Facts, renamed: readonly Renamed[]): Promise<string[]> {
    const { client } = stage.shadow;
    const names = inverseOfRenamed(renamed);
    await client.query("savepoint undoing");
    try {
        for (const statement of names) await client.query(statement);
        const start = names.length === 0 ? from : await readFacts(client, { isOpen: true });
        const steps = (await stepsBetween(start, to)).filter(({ sql }) => !isPrivilege.test(sql));
        const few = withoutNoise(steps);
        const runs = await client.query(few.map(({ sql }) => sql).join(";\n") || "select 1").then(
            () => true,
            () => false,
        );
        return [...names, ...(runs ? few : steps).map(asStatement)];
    } finally {
        await client.query("rollback to savepoint undoing; release savepoint undoing");
    }
}

/** Privileges are compared grantee by grantee afterwards: the library takes all and gives again what was there. */
const isPrivilege = /^\s*(grant|revoke|alter default privileges)\b/i;

/** What a new object has anyway, and what goes with its table. */
function withoutNoise(steps: readonly Step[]): Step[] {
    const gone = new Set(steps.flatMap(({ dropsTables }) => dropsTables));
    const made = steps.filter(({ verb }) => verb === "create").map(({ sql }) => sql);
    return steps.filter(({ sql, verb, dropsFrom, dropsTables }) => {
        if (dropsTables.length > 0) return true;
        if (verb === "drop" && dropsFrom !== undefined && gone.has(dropsFrom)) return false;
        const [, object] = /^\s*alter (?:materialized |foreign )?\w+ (.*?) owner to /is.exec(sql) ?? [];
        return object === undefined || !made.some(create => create.includes(object));
    });
}

/** The library always says "or replace"; what is not there is created. */
function asStatement({ sql, verb }: Step): string {
    return verb === "create" ? sql.replace(/^(\s*create) or replace /i, "$1 ") : sql;
}
