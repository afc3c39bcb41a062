import { type Act, stepsOf } from "./act.ts";
import { alterCommands, nodesOf, type RangeVar, strings, type Tree } from "../../runner/migration/tree.ts";
import { type Finding, note } from "./finding.ts";
import { plain } from "./names.ts";
import type { Scene } from "./scene.ts";

/**
 * Sequences that are set to another number: what a rollback does not set back, and where a row has a number already
 * that comes again, its insert fails.
 */
export function sequenceFindings({ acts, look, names }: Pick<Scene, "acts" | "look" | "names">): Finding[] {
    const found = acts.flatMap(act => stepsOf(act).flatMap(each => of(each, act) ?? []));
    return found.filter(({ object }, index) => found.findIndex(other => other.object === object) === index);

    function of(tree: Tree, { observation }: Act): Finding | undefined {
        const { kind, node } = tree;
        const name =
            kind === "FuncCall" && strings(node.funcname).at(-1) === "setval"
                ? firstText(node.args)
                : (restarted(kind, node) ?? restartedIdentity(tree));
        if (name === undefined || !look.catalog.has(`sequence ${name}`)) return undefined;
        const words = "is set to another number, which down does not set back: an insert whose number is taken fails";
        return note("sequence-set", name, words, observation.place);
    }

    /** `alter table … alter column … restart` */
    function restartedIdentity(tree: Tree): string | undefined {
        const command = alterCommands(tree).find(
            ({ subtype, def }) => subtype === "AT_SetIdentity" && restarts(def?.List?.items),
        );
        const table = names.onTarget(tree.node.relation as RangeVar | undefined);
        if (command === undefined || table === undefined) return undefined;
        const owner = ` owned by ${plain(names.columnOnTarget(table, command.name ?? "") ?? "")}`;
        const found = [...look.catalog].find(
            ([key, text]) => key.startsWith("sequence ") && plain(text).endsWith(owner),
        );
        return found?.[0].slice("sequence ".length);
    }
}

/** `alter sequence … restart` */
function restarted(kind: string, node: Tree["node"]): string | undefined {
    if (kind !== "AlterSeqStmt" || !restarts(node.options)) return undefined;
    const { schemaname = "public", relname = "" } = (node.sequence ?? {}) as RangeVar;
    return `${schemaname}.${relname}`;
}

function restarts(options: unknown): boolean {
    const list = (options as { DefElem?: { defname?: string } }[] | undefined) ?? [];
    return list.some(({ DefElem }) => DefElem?.defname === "restart");
}

/** The first argument where it is a text, with or without a cast: `'public.ticket'::regclass`. */
function firstText(args: unknown): string | undefined {
    const [first] = Array.isArray(args) ? (args as Record<string, unknown>[]) : [];
    const constants = first ? [...nodesOf({ kind: "", node: first })].filter(({ kind }) => kind === "A_Const") : [];
    const text = constants.map(({ node }) => (node.sval as { sval?: string } | undefined)?.sval).find(Boolean);
    return text === undefined || text.includes(".") ? text : `public.${text}`;
}
