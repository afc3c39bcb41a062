import { fileName, type Migration } from "../../runner/migration/migration.ts";
import { type Statement, splitStatements } from "../../runner/migration/statements.ts";
import type { Lost, ObservedLock, StatementObservation, Trial } from "../trial/observation.ts";
import type { TargetLook } from "../look/targetLook.ts";
import { alterCommands, type RangeVar, strings, type Tree } from "../../runner/migration/tree.ts";
import { type Names, namesOf, renamesIn } from "./names.ts";

/**
 * What the text of one file lets expect, in the form of a trial, for when no shadow could try it. It is less than was
 * observed would be: what a DO block or a function does is not in the text, and whether down restores is not known.
 */
export async function trialByText(
    migration: Migration,
    part: Trial["part"],
    look: TargetLook,
    earlier: readonly Trial[] = [],
): Promise<Trial> {
    const { version, slug } = migration;
    const file = fileName(migration, part);
    const names = namesOf(look, renamesIn(earlier));
    const statements = (await splitStatements(migration[part], file)).map(statement =>
        expected(statement, file, names, look),
    );
    return { version, slug, part, statements, before: look.catalog, after: look.catalog, archives: [] };
}

function expected(
    { text, line, kind, tree }: Statement,
    file: string,
    names: Names,
    look: TargetLook,
): StatementObservation {
    const node = { kind, node: tree };
    const truncated = kind === "TruncateStmt" ? relations(tree.relations, names) : [];
    return {
        place: { file, line, statement: text },
        kind,
        locks: locksOf(node, names, look),
        rewritten: truncated,
        truncated,
        indexed: [],
        lost: lostBy(node, names),
        renamed: [],
        observed: false,
    };
}

/** The locks that the documentation of each statement names, on the table that it is about. */
function locksOf({ kind, node }: Tree, names: Names, look: TargetLook): ObservedLock[] {
    const lock = (table: string | undefined, mode: ObservedLock["mode"]): ObservedLock[] =>
        table === undefined ? [] : [{ relation: table, kind: look.tables.get(table)?.kind ?? "table", mode }];
    const table = names.onTarget(node.relation as RangeVar | undefined);
    if (kind === "AlterTableStmt") {
        const onlyValidates = alterCommands({ kind, node }).every(({ subtype }) => subtype === "AT_ValidateConstraint");
        return lock(table, onlyValidates ? "ShareUpdateExclusiveLock" : "AccessExclusiveLock");
    }
    if (kind === "IndexStmt") return lock(table, node.concurrent === true ? "ShareUpdateExclusiveLock" : "ShareLock");
    if (kind === "CreateTrigStmt") return lock(table, "ShareRowExclusiveLock");
    if (kind === "RenameStmt" || kind === "CreatePolicyStmt" || kind === "AlterPolicyStmt") {
        return lock(names.onTarget((node.relation ?? node.table) as RangeVar | undefined), "AccessExclusiveLock");
    }
    if (kind === "TruncateStmt")
        return relations(node.relations, names).flatMap(name => lock(name, "AccessExclusiveLock"));
    if (kind === "DropStmt") return dropped(node, names).flatMap(name => lock(name, "AccessExclusiveLock"));
    return [];
}

function lostBy(tree: Tree, names: Names): Lost[] {
    if (tree.kind === "DropStmt") return dropped(tree.node, names).map(name => ({ kind: "table", name }));
    const table = names.onTarget(tree.node.relation as RangeVar | undefined);
    return alterCommands(tree).flatMap(({ subtype, name = "" }): Lost[] => {
        const column = table === undefined ? undefined : names.columnOnTarget(table, name);
        return subtype === "AT_DropColumn" && column !== undefined ? [{ kind: "column", name: column }] : [];
    });
}

/** Tables that a drop names: the ones below a schema as well. */
function dropped({ removeType, objects }: Tree["node"], names: Names): string[] {
    const lists = (objects as { List?: { items?: unknown[] }; String?: { sval?: string } }[] | undefined) ?? [];
    if (removeType === "OBJECT_SCHEMA") {
        const schemas = strings(lists);
        return names.all().filter(name => schemas.some(schema => name.startsWith(`${schema}.`)));
    }
    if (removeType !== "OBJECT_TABLE") return [];
    return lists.flatMap(({ List }) => {
        const parts = strings(List?.items);
        const [relname, schemaname] = [...parts].reverse();
        return names.onTarget({ ...(relname ? { relname } : {}), ...(schemaname ? { schemaname } : {}) }) ?? [];
    });
}

function relations(list: unknown, names: Names): string[] {
    const items = (list as { RangeVar?: RangeVar }[] | undefined) ?? [];
    return items.flatMap(({ RangeVar: relation }) => names.onTarget(relation) ?? []);
}
