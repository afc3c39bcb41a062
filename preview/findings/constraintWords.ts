import { type Act, stepsOf } from "./act.ts";
import { alterCommands, type RangeVar } from "../../runner/migration/tree.ts";
import type { Names } from "./names.ts";

/** That a statement makes a constraint, or drops it. */
export interface ConstraintWord {
    /** Which of the statements it is, counted from 0. */
    readonly at: number;
    readonly makes: boolean;
    /** A table of the target. */
    readonly table: string;
    /** Without quotes. */
    readonly constraint: string;
}

/** What statements say of constraints of the target's tables by their names, in their order. */
export function constraintWords(acts: readonly Act[], names: Names): ConstraintWord[] {
    return acts.flatMap((act, at) =>
        stepsOf(act).flatMap(tree => {
            const commands = alterCommands(tree);
            const table = commands.length > 0 ? names.onTarget(tree.node.relation as RangeVar | undefined) : undefined;
            if (table === undefined) return [];
            return commands.flatMap(({ subtype, name, def }): ConstraintWord[] => {
                const makes = subtype === "AT_AddConstraint";
                const constraint = makes ? def?.Constraint?.conname : name;
                if (!makes && subtype !== "AT_DropConstraint") return [];
                return typeof constraint === "string" ? [{ at, makes, table, constraint }] : [];
            });
        }),
    );
}
