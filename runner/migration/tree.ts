import type { Statement } from "./statements.ts";

/** A node of PostgreSQL's parser and its name, for example `AlterTableStmt`. */
export interface Tree {
    readonly kind: string;
    readonly node: Node;
}

/** The fields of a node, as the parser names them. */
export type Node = Record<string, unknown>;

export function treeOf({ kind, tree }: Pick<Statement, "kind" | "tree">): Tree {
    return { kind, node: tree };
}

/** All nodes of a tree with their names, itself included: also those inside of a common table expression. */
export function* nodesOf({ kind, node }: Tree): Generator<Tree> {
    yield { kind, node };
    yield* below(node);
}

function* below(value: unknown): Generator<Tree> {
    if (Array.isArray(value)) {
        for (const item of value) yield* below(item);
    } else if (typeof value === "object" && value !== null) {
        for (const [key, item] of Object.entries(value)) {
            // Names of nodes are written with a capital, their fields without.
            if (/^[A-Z]/.test(key) && typeof item === "object" && item !== null && !Array.isArray(item)) {
                yield { kind: key, node: item as Node };
            }
            yield* below(item);
        }
    }
}

/** The subcommands of an `alter table`, `AT_SetNotNull` and the like. */
export interface AlterTableCommand {
    readonly subtype: string;
    readonly name?: string;
    readonly def?: Record<string, Node>;
}

/** @returns none for another statement */
export function alterCommands({ kind, node }: Tree): AlterTableCommand[] {
    if (kind !== "AlterTableStmt") return [];
    const commands = (node.cmds as { AlterTableCmd?: AlterTableCommand }[] | undefined) ?? [];
    return commands.flatMap(({ AlterTableCmd }) => AlterTableCmd ?? []);
}

/** A relation as a statement names it. */
export interface RangeVar {
    readonly schemaname?: string;
    readonly relname?: string;
}

/** Strings of a list of names, as the parser holds them. */
export function strings(list: unknown): string[] {
    const items = Array.isArray(list) ? (list as { String?: { sval?: string } }[]) : [];
    return items.flatMap(item => item.String?.sval ?? []);
}
