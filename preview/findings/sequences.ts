import { type Act, nodesOf, type RangeVar, stepsOf, strings, type Tree } from "./act.ts";
import { type Finding, note } from "./finding.ts";
import type { Scene } from "./scene.ts";

/**
 * Sequences that are set to another number: what a rollback does not set back, and where a row has a number already
 * that comes again, its insert fails.
 */
export function sequenceFindings({ acts, look }: Pick<Scene, "acts" | "look">): Finding[] {
    const found = acts.flatMap(act => stepsOf(act).flatMap(each => of(each, act) ?? []));
    return found.filter(({ object }, index) => found.findIndex(other => other.object === object) === index);

    function of({ kind, node }: Tree, { observation }: Act): Finding | undefined {
        const name =
            kind === "FuncCall" && strings(node.funcname).at(-1) === "setval"
                ? firstText(node.args)
                : restarted(kind, node);
        if (name === undefined || !look.catalog.has(`sequence ${name}`)) return undefined;
        const words = "is set to another number, which down does not set back: an insert whose number is taken fails";
        return note("sequence-set", name, words, observation.place);
    }
}

/** `alter sequence … restart` */
function restarted(kind: string, node: Tree["node"]): string | undefined {
    if (kind !== "AlterSeqStmt") return undefined;
    const options = (node.options as { DefElem?: { defname?: string } }[] | undefined) ?? [];
    if (!options.some(({ DefElem }) => DefElem?.defname === "restart")) return undefined;
    const { schemaname = "public", relname = "" } = (node.sequence ?? {}) as RangeVar;
    return `${schemaname}.${relname}`;
}

/** The first argument where it is a text, with or without a cast: `'public.ticket'::regclass`. */
function firstText(args: unknown): string | undefined {
    const [first] = Array.isArray(args) ? (args as Record<string, unknown>[]) : [];
    const constants = first ? [...nodesOf({ kind: "", node: first })].filter(({ kind }) => kind === "A_Const") : [];
    const text = constants.map(({ node }) => (node.sval as { sval?: string } | undefined)?.sval).find(Boolean);
    return text === undefined || text.includes(".") ? text : `public.${text}`;
}
