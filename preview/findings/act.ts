import { type Statement, splitStatements } from "../../runner/migration/statements.ts";
import { nodesOf, type Tree, treeOf } from "../../runner/migration/tree.ts";
import type { StatementObservation } from "../trial/observation.ts";

/** A statement that ran, with its parse tree and those of what ran inside of it. */
export interface Act {
    readonly observation: StatementObservation;
    /** The statement itself first, then what a DO block or a function ran. */
    readonly trees: readonly Tree[];
}

/** Parses what ran. What cannot be parsed was normalised by the server beyond recognition, and is left out. */
export async function readActs(statements: readonly StatementObservation[]): Promise<Act[]> {
    return await Promise.all(
        statements.map(async observation => {
            const texts = [observation.place.statement, ...(observation.inner ?? [])];
            const parsed = await Promise.all(texts.map(text => splitStatements(text, "").catch((): Statement[] => [])));
            return { observation, trees: parsed.flat().map(treeOf) };
        }),
    );
}

/** Statements that only make what others will run. */
const making = ["CreateFunctionStmt", "RuleStmt"];

/** All nodes of what a statement did: the body of a function or rule that it makes has not run. */
export function stepsOf({ trees }: Act): Tree[] {
    return trees.flatMap(tree => (making.includes(tree.kind) ? [] : [...nodesOf(tree)]));
}
