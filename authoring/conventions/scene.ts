import { type Node, nodesOf, type RangeVar, strings, type Tree } from "../../runner/migration/tree.ts";
import type { Statement } from "../../runner/migration/statements.ts";

/** A statement as the rules look at it. */
export interface Said extends Tree {
    readonly line: number;
    readonly text: string;
}

/** A file's statements, and what is new with them. */
export interface Scene {
    readonly said: readonly Said[];
    /** Objects that the file itself makes, as `table public.datasets`. */
    readonly made: ReadonlySet<string>;
    /** Objects that were there before, as far as that is known. */
    readonly isKnown: (object: string) => boolean;
}

export function sceneOf(statements: readonly Statement[], isKnown: Scene["isKnown"]): Scene {
    const said = statements.map(({ kind, tree, line, text }) => ({ kind, node: tree, line, text }));
    return { said, made: new Set(said.flatMap(madeBy)), isKnown };
}

/** What a statement makes, as `table public.datasets`; also what it replaces. */
export function madeBy({ kind, node }: Tree): string[] {
    if (kind === "CreateStmt") return [`table ${nameOf(node.relation)}`];
    if (kind === "ViewStmt") return [`view ${nameOf(node.view)}`];
    if (kind === "CreateFunctionStmt") return [`function ${strings(node.funcname).join(".")}`];
    if (kind === "CreateTableAsStmt") {
        const { rel } = (node.into ?? {}) as { rel?: RangeVar };
        return [`${node.objtype === "OBJECT_MATVIEW" ? "view" : "table"} ${nameOf(rel)}`];
    }
    return [];
}

/** `schema.name`, or the bare name where there is no schema. */
export function nameOf(relation: unknown): string {
    const { schemaname, relname = "" } = (relation ?? {}) as RangeVar;
    return schemaname === undefined ? relname : `${schemaname}.${relname}`;
}

/** The constraints of a `create table` or `alter table`, also those that stand at a column. */
export function constraintsOf(tree: Tree): Node[] {
    return [...nodesOf(tree)].filter(({ kind }) => kind === "Constraint").map(({ node }) => node);
}
