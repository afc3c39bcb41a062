import { lastPart } from "../changes/aspect.ts";
import { relationKind } from "../changes/relationChange.ts";
import { splitStatements } from "../../runner/migration/statements.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { Trial } from "../trial/observation.ts";
import { type Act, stepsOf } from "./act.ts";
import { nodesOf, type RangeVar } from "../../runner/migration/tree.ts";
import { namesOf, plain } from "./names.ts";

/** Statements that change rows through a view as they do in a table. */
const writing = ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"];

/** The tables that a view reads, also through other views. */
export async function tablesBelow(view: string, catalog: Catalog): Promise<string[]> {
    return await below(view, catalog, "query");
}

/**
 * Views that statements write to, by their names without quotes, with the tables whose rows those are: what stands after
 * FROM, and not what a condition looks at (PostgreSQL documentation, CREATE VIEW, "Updatable Views").
 */
export async function viewsWritten(
    acts: readonly Act[],
    { before, after }: Pick<Trial, "before" | "after">,
): Promise<ReadonlyMap<string, readonly string[]>> {
    const written = new Set(
        acts
            .flatMap(stepsOf)
            .flatMap(({ kind, node }) => (writing.includes(kind) ? ((node.relation as RangeVar).relname ?? "") : [])),
    );
    const found = new Map<string, readonly string[]>();
    for (const catalog of written.size > 0 ? [after, before] : []) {
        for (const key of catalog.keys()) {
            const view = /^view (.*)$/s.exec(key)?.[1];
            if (view === undefined || !written.has(plain(lastPart(view)))) continue;
            const tables = await below(view, catalog, "from");
            found.set(plain(view), [...new Set([...(found.get(plain(view)) ?? []), ...tables])]);
        }
    }
    return found;
}

/** Whether a view reads its tables as whoever reads it (PostgreSQL documentation, CREATE VIEW: security_invoker). */
export function isInvoker(view: string, catalog: Catalog): boolean {
    return /security_invoker=(?:true|on|1|yes)/.test(catalog.get(`options of view ${view}`) ?? "");
}

/**
 * @param asReader whether whoever reads the view reads what is below it, too: a materialized view is filled by its owner,
 *     who so reads all of it
 */
async function below(
    view: string,
    catalog: Catalog,
    part: "query" | "from",
    asReader = part === "query" && catalog.has(`view ${view}`),
    seen = new Set<string>(),
): Promise<string[]> {
    const tables: string[] = [];
    for (const name of await relationsIn(view, catalog, part)) {
        // A view with security_invoker asks its reader itself, also through another view.
        if (seen.has(name) || (asReader && isInvoker(name, catalog))) continue;
        seen.add(name);
        const relation = relationKind(catalog, name);
        if (relation !== "view") tables.push(name);
        if (relation === "view" || relation === "materialized view")
            tables.push(...(await below(name, catalog, part, asReader && relation === "view", seen)));
    }
    return tables;
}

/** The tables and views that a view names itself. @param part of its definition */
export async function relationsIn(view: string, catalog: Catalog, part: "query" | "from" = "query"): Promise<string[]> {
    const names = namesOf({ tables: new Map([...catalog.keys()].flatMap(key => relationName(key))) });
    const definition = catalog.get(`view ${view}`) ?? catalog.get(`materialized view ${view}`) ?? "";
    const query = definition
        .split("\n")
        .filter(line => !/^(persistence|access method|tablespace) /.test(line))
        .join("\n");
    const statements = await splitStatements(query, view).catch(() => []);
    return statements.flatMap(({ kind, tree }) =>
        [...nodesOf({ kind, node: part === "query" ? tree : { from: tree.fromClause } })].flatMap(each => {
            // The catalog names the schema of each relation; a name without one is of a common table expression.
            const name = each.kind === "RangeVar" && each.node.schemaname ? names.onTarget(each.node) : undefined;
            return name ?? [];
        }),
    );
}

function relationName(key: string): [string, { kind: "table"; rows: number; bytes: number; heapBytes: number }][] {
    const name = /^(?:table|partitioned table|view|materialized view|foreign table) (.*)$/.exec(key)?.[1];
    return name === undefined ? [] : [[name, { kind: "table", rows: 0, bytes: 0, heapBytes: 0 }]];
}
