import { type Statement, splitStatements } from "../../runner/migration/statements.ts";
import type { StatementObservation } from "../trial/observation.ts";

/** A statement that ran, with its parse tree and those of what ran inside of it. */
export interface Act {
    readonly observation: StatementObservation;
    /** The statement itself first, then what a DO block or a function ran. */
    readonly trees: readonly Tree[];
}

/** A node of PostgreSQL's parser and its name, for example `AlterTableStmt`. */
export interface Tree {
    readonly kind: string;
    readonly node: Node;
}

export type Node = Record<string, unknown>;

/** Parses what ran. What cannot be parsed was normalised by the server beyond recognition, and is left out. */
export async function readActs(statements: readonly StatementObservation[]): Promise<Act[]> {
    return await Promise.all(
        statements.map(async observation => {
            const texts = [observation.place.statement, ...(observation.inner ?? [])];
            const parsed = await Promise.all(texts.map(text => splitStatements(text, "").catch((): Statement[] => [])));
            return { observation, trees: parsed.flat().map(({ kind, tree }) => ({ kind, node: tree })) };
        }),
    );
}

/** All nodes of a tree with their names, itself included: also those inside of a common table expression. */
export function* nodesOf({ kind, node }: Tree): Generator<Tree> {
    yield { kind, node };
    yield* below(node);
}

/** Statements that only make what others will run. */
const making = ["CreateFunctionStmt", "RuleStmt"];

/** All nodes of what a statement did: the body of a function or rule that it makes has not run. */
export function stepsOf({ trees }: Act): Tree[] {
    return trees.flatMap(tree => (making.includes(tree.kind) ? [] : [...nodesOf(tree)]));
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
